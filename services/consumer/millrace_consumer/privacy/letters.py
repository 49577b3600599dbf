"""Dead letters of single people."""

from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from millrace_core.time import parse_time
from millrace_eventlog.ports import DeadLetters
from millrace_eventlog.records import DeadLetter
from millrace_warehouse.ports import Person

_PAGE: Final = 500

Hides = Callable[[DeadLetter], bool]


class _Line(msgspec.Struct):
    visitor_id: str | int = ""
    user_id: str | int = ""
    received_at: str = ""


_line_of: Final = msgspec.json.Decoder(_Line).decode


async def letters_of(letters: DeadLetters, tenant: str, theirs: Hides) -> AsyncIterator[DeadLetter]:
    """A tenant's letters of which this is true, the oldest first."""
    after = 0
    while page := await letters.list(tenant=tenant, after=after, limit=_PAGE):
        for letter in page:
            if theirs(letter):
                yield letter
        after = page[-1].id


def is_of(person: Person) -> Hides:
    """Whether a letter is of this person, as their rows are."""
    users, visitors = frozenset(person.users), frozenset(person.visitors)

    def theirs(letter: DeadLetter) -> bool:
        told = said_by(letter)
        if told is None or told[2] >= person.before:
            return False
        visitor, user, _ = told
        return (user or visitor) in users or (visitor != "" and visitor in visitors)

    return theirs


def said_by(letter: DeadLetter) -> tuple[str, str, int] | None:
    """Visitor, user and time of arrival of what was set aside; None of a damaged entry, which holds no record."""
    try:
        line = _line_of(letter.line)
    except (ValueError, RecursionError):
        return None
    return str(line.visitor_id), str(line.user_id), parse_time(line.received_at) or letter.at
