"""Finding the events of a batch that is not valid JSON, by their braces alone."""

import re
from dataclasses import dataclass
from typing import Final

from millrace_core.errors import TooLarge

# Up to the next bracket outside of a string. Possessive, so no text makes it go back: one pass whatever is sent.
_next_bracket = re.compile(rb'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL).match
_OPENS_LIST: Final = {name: re.compile(rb'"%b"\s*:\s*\[\Z' % name.encode()) for name in ("events", "batch")}
_LITERAL: Final = re.compile(rb'(?:"(?:[^"\\]|\\.)*+"|[^",])++', re.DOTALL)
_MOST_BRACKETS: Final = 400_000
"""About 0.15 s of work; a batch of 10,000 events with ten objects or lists in each has 220,000."""

_MOST_LITERALS: Final = 50_000


@dataclass(frozen=True, slots=True)
class SplitBody:
    """The texts of the elements of the batch's list, and the body without them."""

    events: list[bytes]
    envelope: bytes


def split_events(body: bytes, field: str = "events") -> SplitBody | None:
    """The events of a batch whose outline is sound even where what is inside is not JSON.

    None when brackets do not match, there is no list ``field`` (``events`` or ``batch``), or there are more brackets than
    anybody's batch has.

    Raises:
        TooLarge: ``too_many_events``.
    """
    events: list[bytes] = []
    opens = _OPENS_LIST[field]
    depth, list_start, mark = 0, -1, -1
    at = -1
    for _ in range(_MOST_BRACKETS):
        match = _next_bracket(body, at + 1)
        if match is None:
            return None
        at = match.start(1)
        if match[1] in b"[{":
            depth += 1
            if depth == 2 and list_start < 0 and opens.search(body, max(match.start(), at - 64), at + 1):
                list_start = mark = at + 1
            elif depth == 3 and mark >= 0:
                events += _literals(body, mark, at)
                mark = at
        else:
            depth -= 1
            if depth == 2 and mark >= 0:
                events.append(body[mark : at + 1])
                mark = at + 1
            elif depth == 1 and mark >= 0:
                events += _literals(body, mark, at)
                return SplitBody(events, body[:list_start] + body[at:])
    return None


def _literals(body: bytes, start: int, end: int) -> list[bytes]:
    """Elements between two events that are no objects, such as ``NaN``: one a comma, however many are there."""
    if body.count(b",", start, end) > _MOST_LITERALS:
        raise TooLarge("the body holds more values than any batch has", code="too_many_events")
    return [part.strip() for part in _LITERAL.findall(body, start, end) if part.strip()]
