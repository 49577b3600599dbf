"""Measures made of others: for each of somebody, for each day, and what they are counted of."""

from collections.abc import Sequence

from millrace_analytics.ai.offline.lexicon import DIMENSION, METRIC, Sense
from millrace_analytics.ai.offline.slots import NotUnderstood
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.filters import AnyOf, Filter
from millrace_warehouse.metrics.measures import Count, Formula, Measure, MetricOf, Number, Quantile, Simple, Unique
from millrace_warehouse.metrics.parts import FieldName


def plain(measure: Measure) -> Measure:
    """A metric as what it is made of."""
    return METRICS[measure.metric].measure if isinstance(measure, MetricOf) else measure


def per(amount: Measure, divisor: str) -> Measure:
    """One measure for each of what the metric counts.

    Raises:
        NotUnderstood: one of them does not add up.
    """
    each, whole, label = METRICS[divisor].measure, plain(amount), METRICS[divisor].label.lower()
    if not isinstance(whole, (Count, Unique, Number)) or not isinstance(each, (Count, Unique)):
        raise NotUnderstood(f"what for each of {label}")
    if isinstance(whole, Number) and whole.measure != "sum":
        raise NotUnderstood(f"the {whole.measure} for each of {label}")
    parts: dict[str, Simple] = {"amount": whole.model_copy(update={"name": None}), "each": each}
    return Formula(measure="formula", formula="amount / each", parts=parts, name=f"per_{divisor}")


def percent_of(part: Measure, whole: Measure) -> Formula:
    """What one of two measures is of the other."""
    parts = {name: one.model_copy(update={"name": None}) for name, one in (("part", part), ("whole", whole))}
    assert all(not isinstance(one, Formula) for one in parts.values()), "parts are no formulas"
    given = {"measure": "formula", "formula": "100 * part / whole", "parts": parts, "unit": "%", "name": "share_percent"}
    return Formula.model_validate(given)


def adds_up(measure: Measure) -> bool:
    """Whether the sum of its values for some days is its value for all of them."""
    whole = plain(measure)
    return isinstance(whole, Count) or (isinstance(whole, Number) and whole.measure == "sum")


def each_period(amount: Measure, periods: int, unit: str) -> Measure:
    """What adds up, for each of so many periods."""
    whole = plain(amount)
    assert isinstance(whole, (Count, Number)), "it adds up"
    parts: dict[str, Simple] = {"amount": whole.model_copy(update={"name": None})}
    return Formula(measure="formula", formula=f"amount / {periods}", parts=parts, name=f"per_{unit}")


def is_percentage(measure: Measure) -> bool:
    """Whether it is a metric in percent."""
    return isinstance(measure, MetricOf) and METRICS[measure.metric].unit == "%"


def measured_by_any(measures: Sequence[Measure]) -> Filter | None:
    """That an event is in some measure: a group without one is no row of the answer. None where every group is one."""
    found: list[Filter] = []
    for measure in map(plain, measures):
        if isinstance(measure, Formula) or measure.where is None:
            return None
        if measure.where not in found:
            found.append(measure.where)
    return found[0] if len(found) == 1 else AnyOf(any=tuple(found))


def is_average(sense: Sense) -> bool:
    """Whether it is an average already, or becomes one: ``average basket by month`` is none of months."""
    if sense.kind != METRIC:
        return sense.kind == DIMENSION
    of = METRICS[sense.name].measure
    return isinstance(of, Quantile) or (isinstance(of, Number) and of.measure != "sum")


def aggregated(asked: FieldName, how: str, where: Filter | None, name: str) -> Number | Quantile:
    """A field's numbers, put together in a way that has a name: ``avg``, ``median``, ``p95``."""
    if how.startswith("p") or how == "median":
        level = 0.5 if how == "median" else int(how[1:]) / 100
        return Quantile(measure="quantile", field=asked, level=level, where=where, name=name)
    return Number.model_validate({"measure": how, "field": asked, "where": where, "name": name})
