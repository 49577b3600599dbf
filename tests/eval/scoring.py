"""Whether an answer is the gold answer: by the values of its rows, whatever its columns are called and their order is."""

import datetime
import itertools
import math
import re
from collections.abc import Sequence
from typing import Any, Final

_TOLERANCE: Final = 0.001
_MOST_COLUMNS: Final = 8

_TIME: Final = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.0+)?(?:Z|\+00:00)?$")
"""A time in UTC, in whatever form."""

Rows = Sequence[Sequence[Any]]


def is_right(answer: Rows, gold: Rows) -> bool:
    """Whether some of the answer's columns, in some order, are the gold rows.

    Numbers are equal within a thousandth; a ratio equals its percentage; null equals nothing and zero; a time equals its day.
    Of a breakdown with times, rows of noughts alone need not be there.
    """
    if not gold or not answer:
        return not gold and not answer
    return _is_same(answer, gold) or _is_same(_filled(answer), _filled(gold))


def _filled(rows: Rows) -> Rows:
    """Without the rows of a breakdown that are noughts alone: they fill a series, and a gold statement leaves them out."""
    found = [row for row in rows if len(row) < 3 or any(isinstance(cell, float) and cell for cell in map(_plain, row))]
    return found or rows


def _is_same(answer: Rows, gold: Rows) -> bool:
    if len(answer) != len(gold) or len(answer[0]) < len(gold[0]) or len(answer[0]) > _MOST_COLUMNS:
        return False
    wanted = len(gold[0])
    return any(
        _same([[row[at] for at in chosen] for row in answer], gold)
        for chosen in itertools.permutations(range(len(answer[0])), wanted)
    )


def _same(answer: Rows, gold: Rows) -> bool:
    """Row by row in the order of their texts and numbers; a first column of plain keys sorts both alike."""
    left, right = (sorted(([_plain(cell) for cell in row] for row in rows), key=_key) for rows in (answer, gold))
    if all(_equal_rows(one, other) for one, other in zip(left, right, strict=True)):
        return True
    rest = list(right)
    for row in left:
        found = next((at for at, other in enumerate(rest) if _equal_rows(row, other)), None)
        if found is None:
            return False
        rest.pop(found)
    return True


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
    return (
        text[:10] if len(text) > 10 and text[4:5] == "-" and text[10] == " " and text[11:19] in ("00:00:00", "00:00") else text
    )


def _equal_rows(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return all(_equal(left, right) for left, right in zip(one, other, strict=True))


def _equal(answer: Any, gold: Any) -> bool:
    if not isinstance(answer, float) or not isinstance(gold, float):
        return bool(answer == gold)
    scales = (1.0, 100.0, 0.01) if 0 < min(abs(answer), abs(gold)) <= 1 else (1.0,)
    return any(
        math.isclose(answer * scale, gold, rel_tol=_TOLERANCE) or round(answer * scale, _digits(gold)) == gold
        for scale in scales
    )


def _digits(number: float) -> int:
    """Behind the point, as a gold statement has rounded it; whole numbers are exact."""
    shown = repr(number)
    return len(shown.partition(".")[2]) if "e" not in shown and not shown.endswith(".0") else 0
