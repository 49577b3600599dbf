"""What the engine answers in its format JSONCompact, as rows."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from millrace_warehouse.ports import Rows


class _Column(msgspec.Struct):
    name: str


class _Answer(msgspec.Struct):
    meta: list[_Column]
    data: list[list[Any]]


_decode: Final = msgspec.json.Decoder(_Answer).decode


def rows_of(answered: bytes) -> Rows:
    """All of them."""
    answer = _decode(answered)
    return Rows([column.name for column in answer.meta], answer.data)


def some_rows_of(answered: bytes, most_rows: int, most_bytes: int) -> Rows:
    """At most so many of them, and at most so many bytes of JSON."""
    answer = _decode(answered)
    rows: Sequence[Sequence[Any]] = answer.data[:most_rows]
    if len(answered) > most_bytes:
        rows = rows[: _fitting(rows, most_bytes)]
    return Rows([column.name for column in answer.meta], rows, truncated=len(rows) < len(answer.data))


def _fitting(rows: Sequence[Sequence[Any]], most_bytes: int) -> int:
    left = most_bytes
    for number, row in enumerate(rows):
        left -= len(msgspec.json.encode(row))
        if left < 0:
            return number
    return len(rows)
