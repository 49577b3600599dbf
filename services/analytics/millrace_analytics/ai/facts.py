"""Facts about a table, computed: each is a sentence whose numbers are of the rows, and says which."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millrace_analytics.ai.results import Result
from millrace_warehouse.metrics.answers import Column

_MOST: Final = 4
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence, and the numbers that it rests on."""

    text: str
    evidence: Mapping[str, Any]


def facts_of(result: Result) -> list[Fact]:
    """The most telling facts, at most four."""
    measures = [at for at, one in enumerate(result.columns) if one.role == "measure"]
    if not result.rows:
        return [Fact("There are no events for this.", {"rows": 0})]
    if not measures:
        return [Fact(f"There are {number(len(result.rows))} rows.", {"rows": len(result.rows)})]
    if len(result.rows) == 1:
        return _of_one(result, measures)
    if "drop_off" in result.names:
        return _of_steps(result, measures[0])
    time = next((at for at, one in enumerate(result.columns) if one.role == "time"), None)
    labels = [at for at, one in enumerate(result.columns) if one.role in ("dimension", "step", "person")]
    first = measures[0]
    rows = [row for row in result.rows if isinstance(row[first], (int, float)) and math.isfinite(row[first])]
    if not rows:
        return [Fact("Nothing could be computed for any row.", {"rows": len(result.rows)})]
    if time is None:
        return _of_groups(result, rows, labels, first)[:_MOST]
    if not labels:
        return _over_time(result, rows, time, first)[:_MOST]
    if result.columns[first].additive:
        return _of_groups(result, _added_up(rows, labels, first), labels, first)[:_MOST]
    return _of_groups(result, rows, [*labels, time], first)[:_MOST]


def _of_one(result: Result, measures: Sequence[int]) -> list[Fact]:
    row = result.rows[0]
    found = []
    for at in measures[:_MOST]:
        column, value = result.columns[at], row[at]
        said = "cannot be computed: there are no such events" if value is None else f"{number(value)}{_unit(column)}"
        found.append(Fact(f"{_label(column)}: {said}.", {column.name: value}))
    return found


def _added_up(rows: Sequence[Sequence[Any]], labels: Sequence[int], at: int) -> list[Sequence[Any]]:
    """One row a group, with its sum over all times."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        group = tuple(str(row[label]) for label in labels)
        if group in found:
            found[group][at] += row[at]
        else:
            found[group] = list(row)
    return list(found.values())


def _of_groups(result: Result, rows: Sequence[Sequence[Any]], labels: Sequence[int], at: int) -> list[Fact]:
    column = result.columns[at]
    ordered = sorted(rows, key=lambda row: -row[at])
    best, last = ordered[0], ordered[-1]
    name, unit = _label(column).lower(), _unit(column)
    found = [Fact(_begun(f"{_named(best, labels)} has the highest {name}: {number(best[at])}{unit}."), {column.name: best[at]})]
    if len(ordered) > 1:
        second = ordered[1]
        text = _begun(f"{_named(second, labels)} follows with {number(second[at])}{unit}.")
        found.append(Fact(text, {column.name: second[at]}))
    if len(ordered) > 2:
        text = f"The lowest of {number(len(ordered))} is {_named(last, labels)} with {number(last[at])}{unit}."
        found.append(Fact(text, {column.name: last[at], "rows": len(ordered)}))
    total = sum(row[at] for row in ordered)
    if column.additive and total > 0 and len(ordered) > 1:
        share = 100 * best[at] / total
        text = f"That is {number(share)} % of the {number(total)} of all rows shown."
        found.insert(1, Fact(text, {"share_percent": share, "total": total}))
    return found


def _of_steps(result: Result, at: int) -> list[Fact]:
    """Of a funnel: how many begin, how many come to its end, and where most are lost. Of groups the first."""
    name, step = result.names.index("name"), result.names.index("step")
    first = next((number for number, row in enumerate(result.rows[1:], 1) if row[step] == 1), len(result.rows))
    rows = result.rows[:first]
    begin, end = rows[0], rows[-1]
    found = [Fact(f"{number(begin[at])} people begin with “{begin[name]}”.", {"first": begin[at]})]
    if begin[at]:
        share = 100 * end[at] / begin[at]
        text = f"{number(end[at])} of them come to “{end[name]}”: {number(share)} %."
        found.append(Fact(text, {"last": end[at], "share_percent": share}))
    lost = [(before[at] - after[at], before, after) for before, after in itertools.pairwise(rows)]
    if len(lost) > 1:
        most, before, after = max(lost, key=lambda one: one[0])
        text = f"Most are lost between “{before[name]}” and “{after[name]}”: {number(most)}."
        found.append(Fact(text, {"lost": most}))
    return found


def _over_time(result: Result, rows: Sequence[Sequence[Any]], time: int, at: int) -> list[Fact]:
    column = result.columns[at]
    name, unit = _label(column), _unit(column)
    high, low = max(rows, key=lambda row: row[at]), min(rows, key=lambda row: row[at])
    found = [Fact(f"{name} was highest at {high[time]}: {number(high[at])}{unit}.", {column.name: high[at]})]
    if low[at] != high[at]:
        found.append(Fact(f"It was lowest at {low[time]}: {number(low[at])}{unit}.", {column.name: low[at]}))
    begin, end = rows[0], rows[-1]
    if begin[at] and len(rows) > 1:
        change = 100 * (end[at] - begin[at]) / abs(begin[at])
        way = "up" if change > 0 else "down" if change < 0 else "unchanged"
        said = f"{way} by {number(abs(change))} %" if change else "unchanged"
        text = f"From {begin[time]} ({number(begin[at])}) to {end[time]} ({number(end[at])}) it is {said}."
        found.append(Fact(text, {"first": begin[at], "last": end[at], "change_percent": change}))
    return found


def _named(row: Sequence[Any], labels: Sequence[int]) -> str:
    """The group's values; whoever sent them, they stand in quotes."""
    said = [str(row[at])[:_SHOWN] for at in labels if row[at] not in (None, "", False)]
    return "“" + " / ".join(said) + "”" if said else "what has no value"


def _label(column: Column) -> str:
    return _begun(column.name.removesuffix("_percent").replace("_", " "))


def _begun(text: str) -> str:
    """As a sentence begins."""
    return text[:1].upper() + text[1:]


def _unit(column: Column) -> str:
    return {"%": " %", "ms": " ms", "s": " s"}.get(column.unit, "")


def number(value: float) -> str:
    """As people read it: thousands apart, two digits behind the point."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 0.01 else f"{value:.4g}"
