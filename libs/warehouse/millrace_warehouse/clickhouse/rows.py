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
    return Rows(named_apart([column.name for column in answer.meta]), rows, truncated=len(rows) < len(answer.data))


def named_apart(columns: Sequence[str]) -> list[str]:
    """Each with a name of its own, as a row is told as an object: what is called as one before it gets a number behind."""
    names: list[str] = []
    for name in columns:
        told, number = name, 2
        while told in names or (told != name and told in columns):
            told, number = f"{name}_{number}", number + 1
        names.append(told)
    return names


def _fitting(rows: Sequence[Sequence[Any]], most_bytes: int) -> int:
    left = most_bytes
    for number, row in enumerate(rows):
        left -= len(msgspec.json.encode(row))
        if left < 0:
            return number
    return len(rows)
