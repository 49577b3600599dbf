"""Whether an answer is the gold answer: by the values of its rows, whatever its columns are called and their order is."""

import datetime
import itertools
import math
import re
from collections.abc import Sequence
from typing import Any, Final

_NOISE: Final = 1e-9
"""Of floating-point sums in another order."""
_ROUNDING: Final = 0.01
"""The most that a rounding may change: 0.4 is not 0.44, though one digit is all that it shows."""
_MOST_COLUMNS: Final = 8

_TIME: Final = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.0+)?(?:Z|\+00:00)?$")
"""A time in UTC, in whatever form."""
_DAY: Final = re.compile(r"^\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?$")

Rows = Sequence[Sequence[Any]]
Plain = list[list[Any]]


def is_right(answer: Rows, gold: Rows, *, ordered: bool = False) -> bool:
    """Whether some of the answer's columns, in some order, are the gold rows.

    Whole numbers are exact; others are equal where the coarser of the two columns has been rounded. A column of ratios equals
    that of their percentages; null equals nothing and zero; a time equals its day. Of a series, moments of noughts alone need
    not be there. With ``ordered`` the numbers have to be in the gold's order as well.
    """
    if not gold or not answer:
        return not gold and not answer
    return _is_same(_plain_rows(answer), _plain_rows(gold), ordered)


def _plain_rows(rows: Rows) -> Plain:
    return [[_plain(cell) for cell in row] for row in rows]


def _without_noughts(rows: Plain) -> Plain:
    """Without the moments of which nothing but noughts is said: they fill a series, and a gold statement leaves them out."""
    found = [row for row in rows if any(isinstance(cell, float) and cell for cell in row) or not any(map(_is_time, row))]
    return found or rows


def _is_time(cell: Any) -> bool:
    return isinstance(cell, str) and _DAY.match(cell) is not None


def _is_same(answer: Plain, gold: Plain, ordered: bool) -> bool:
    if len(answer[0]) < len(gold[0]) or len(answer[0]) > _MOST_COLUMNS:
        return False
    shorter = _without_noughts(gold)
    for chosen in itertools.permutations(range(len(answer[0])), len(gold[0])):
        ours = [[row[at] for at in chosen] for row in answer]
        if _same(ours, gold, ordered) or _same(_without_noughts(ours), shorter, ordered):
            return True
    return False


def _same(answer: Plain, gold: Plain, ordered: bool) -> bool:
    """Row by row, each column by the measure that fits it; of a ratio and its percentage, one scale for the whole column."""
    if len(answer) != len(gold):
        return False
    columns = list(zip(zip(*answer, strict=True), zip(*gold, strict=True), strict=True))
    for scales in itertools.product(*(_scales(*column) for column in columns)):
        scaled = [[_times(cell, scale) for cell, scale in zip(row, scales, strict=True)] for row in answer]
        digits = [_digits(*column, scale) for column, scale in zip(columns, scales, strict=True)]
        if _pairs(scaled, gold, digits) and (not ordered or _in_order(scaled, gold, digits)):
            return True
    return False


def _scales(answer: Sequence[Any], gold: Sequence[Any]) -> tuple[float, ...]:
    """By what the answer's column may be multiplied: a hundred where it has ratios and the gold one percentages, and back."""
    if not all(isinstance(cell, float) for cell in (*answer, *gold)) or (_are_whole(answer) and _are_whole(gold)):
        return (1.0,)
    biggest = [max(map(abs, column)) for column in (answer, gold)]
    if max(biggest) > 1 >= min(biggest):
        return (1.0, 100.0) if biggest[0] <= 1 else (1.0, 0.01)
    return (1.0, 100.0, 0.01) if max(biggest) <= 1 else (1.0,)


def _are_whole(column: Sequence[Any]) -> bool:
    return all(cell.is_integer() for cell in column)


def _times(cell: Any, scale: float) -> Any:
    return cell * scale if scale != 1.0 else cell


def _digits(answer: Sequence[Any], gold: Sequence[Any], scale: float) -> int | None:
    """Behind the point, as the coarser of two columns has been rounded; None where either has whole numbers alone."""
    if not _is_fraction(answer) or not _is_fraction(gold):
        return None
    return min(max(map(_shown, answer)) - round(math.log10(scale)), max(map(_shown, gold)))


def _is_fraction(column: Sequence[Any]) -> bool:
    return all(isinstance(cell, float) for cell in column) and not _are_whole(column)


def _shown(cell: Any) -> int:
    text = repr(cell)
    return len(text.partition(".")[2]) if isinstance(cell, float) and "e" not in text and not text.endswith(".0") else 0


def _pairs(answer: Plain, gold: Plain, digits: Sequence[int | None]) -> bool:
    """Whether each row of one is a row of the other."""
    left, right = sorted(answer, key=_key), sorted(gold, key=_key)
    if all(_equal_rows(one, other, digits) for one, other in zip(left, right, strict=True)):
        return True
    rest = list(right)
    for row in left:
        found = next((at for at, other in enumerate(rest) if _equal_rows(row, other, digits)), None)
        if found is None:
            return False
        rest.pop(found)
    return True


def _in_order(answer: Plain, gold: Plain, digits: Sequence[int | None]) -> bool:
    """Whether the last gold column, by which its rows are ordered, is the same one after the other."""
    return all(_equal(one[-1], other[-1], digits[-1]) for one, other in zip(answer, gold, strict=True))


def _key(row: Sequence[Any]) -> str:
    return repr([cell if isinstance(cell, str) else round(cell, 1) for cell in row])


def _plain(cell: Any) -> Any:
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return 0.0
    if isinstance(cell, (bool, int, float)):
        return float(cell)
    if isinstance(cell, datetime.date) and not isinstance(cell, datetime.datetime):
        return cell.isoformat()
    text = _TIME.sub(r"\1 \2", str(cell))
    if text in ("(none)", "(not set)"):
        return ""
    return text[:10] if _DAY.match(text) and text[11:] in ("00:00:00", "00:00") else text


def _equal_rows(one: Sequence[Any], other: Sequence[Any], digits: Sequence[int | None]) -> bool:
    return all(_equal(left, right, shown) for left, right, shown in zip(one, other, digits, strict=True))


def _equal(answer: Any, gold: Any, digits: int | None) -> bool:
    if not isinstance(answer, float) or not isinstance(gold, float):
        return bool(answer == gold)
    if math.isclose(answer, gold, rel_tol=_NOISE, abs_tol=_NOISE):
        return True
    near = digits is not None and abs(answer - gold) <= 0.5 * 10.0**-digits * (1 + 1e-6)
    return near and math.isclose(answer, gold, rel_tol=_ROUNDING)
