"""A question about measures, from its parts."""

import re
from dataclasses import dataclass
from typing import Any, Final

from millrace_analytics.ai.offline.amounts import (
    adds_up,
    aggregated,
    each_period,
    is_average,
    is_percentage,
    measured_by_any,
    per,
    percent_of,
    plain,
)
from millrace_analytics.ai.offline.carrying import fitted, one_field, types_asked
from millrace_analytics.ai.offline.groups import (
    beside,
    counted_values,
    groups_of,
    in_common,
    of_doers,
    rate_of,
    refuse_both_or_either,
)
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, Sense
from millrace_analytics.ai.offline.ranging import asked_time, span_asked, times_apart
from millrace_analytics.ai.offline.slots import (
    PERSON_DIMENSIONS,
    PURCHASES,
    Ambiguous,
    NotUnderstood,
    Slots,
    Told,
    all_of,
    any_of,
    both,
    events_of,
    field_of,
)
from millrace_analytics.ai.plans import Growth, Kept, Largest, Mean, MovingAverage, Plan, RunningTotal, Shares, Then
from millrace_analytics.ai.ports import Unclear
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.catalogue import PURCHASES as BUYING
from millrace_warehouse.metrics.filters import Comparison, Filter, Not, is_event
from millrace_warehouse.metrics.measures import Count, Formula, Measure, MetricOf, Number, Quantile, Unique
from millrace_warehouse.metrics.parts import NAME, FieldName
from millrace_warehouse.metrics.questions import Trend
from millrace_warehouse.metrics.ranges import Unit

_TOP: Final = 10
_DAY_MS: Final = 86_400_000
_OF_ORDERS: Final = {"order_value": is_event(*BUYING), "order_quantity": is_event(*BUYING)}
"""Other events may have an amount, too: a cart that was left."""
_WHOLE: Final = {"hour": 3_600_000, "day": _DAY_MS, "week": 7 * _DAY_MS}


@dataclass(slots=True)
class Reader(Told):
    """Makes plans of slots, at a moment."""

    def plan(self, slots: Slots) -> Plan:
        """The plan.

        Raises:
            NotUnderstood: the parts make no question.
            Ambiguous: they make several.
        """
        if self.text.lower().lstrip().startswith("where ") and not slots.by and not slots.values and not slots.compare:
            raise NotUnderstood("by what: name a country, a page or a source, as in “by country”")
        self._settle_hours(slots)
        self._fit_values(slots)
        groups = groups_of(slots) or times_apart(self, slots)
        by = self._dimensions(slots)
        where = self._of_somebody(self.filters(slots), slots, by)
        measures = beside(groups, self._measures(slots, by))
        is_distribution = slots.share and where is None and bool(by) and not slots.growth
        if slots.share and not is_distribution and not slots.growth and not all(is_percentage(one) for one in measures):
            where, measures = self._share(where, measures)
        grain, then = self._following(slots, by)
        if is_distribution and not all(is_percentage(one) for one in measures):
            then = self._shares(slots, measures, then)
        if by and not slots.previous and not slots.growth:
            where = both(where, measured_by_any(measures))
        asked_range, grain, compare = asked_time(self, slots, grain, is_growing=isinstance(then, Growth))
        top, ascending = self._ranking(slots, by, then)
        question: dict[str, Any] = {"top": top, "other": False} if top is not None else {}
        trend = Trend(
            kind="trend",
            measures=tuple(measures),
            by=tuple(by),
            where=where,
            range=asked_range,
            granularity=grain,
            compare=compare,
            ascending=ascending,
            bots="include" if slots.bots else "exclude",
            **question,
        )
        return Plan(question=trend, then=then)

    def _shares(self, slots: Slots, measures: list[Measure], then: Then | None) -> Then:
        """``share of purchases by device``: what each group is of all of them."""
        if then is not None or slots.grain is not None or slots.is_ranked or not all(adds_up(one) for one in measures):
            raise NotUnderstood("the share of what in what")
        return Shares()

    def _settle_hours(self, slots: Slots) -> None:
        """``which hour has the most signups``: of more than one day that is an hour of the day."""
        if slots.which_unit != "hour" or slots.by or slots.grain is not None:
            return
        if slots.ranges:
            span = span_asked(self, slots.ranges[0].range)
            if span.end - span.first <= _DAY_MS:
                return
        slots.which_unit = None
        slots.by.append(Sense(DIMENSION, "hour_of_day", "number"))
        self.assumptions.append("hours of the day")

    def _of_somebody(self, where: Filter | None, slots: Slots, by: list[FieldName]) -> Filter | None:
        """Of those who are ranked each has a name: the events of whoever has none are not one user's."""
        if not slots.is_ranked and slots.having is None:
            return where
        named = [Comparison(field=one.name, operator="is_set") for one in by if one.name in ("user_id", "session_id")]
        return all_of([*([where] if where is not None else []), *named])

    # What is measured

    def _measures(self, slots: Slots, by: list[FieldName]) -> list[Measure]:
        senses = list(slots.measures)
        if slots.aggregate == "avg" and slots.grain and len(senses) == 1 and not is_average(senses[0]):
            return [self._of_each_period(senses[0], slots)]
        if not senses:
            senses = [self._default(slots, by)]
        if (of_doers := self._of_doers(senses, slots)) is not None:
            return [of_doers]
        if (of_events := self._of_events(senses, slots)) is not None:
            return [of_events]
        if len(senses) > 1 and not slots.joined:
            raise NotUnderstood("how " + " and ".join(one.name for one in senses) + " belong together")
        found = [self.measure(one, slots) for one in senses]
        if slots.aggregates:
            found = self._each_aggregate(found, senses, slots)
        if slots.per:
            found = [per(one, slots.per) for one in found]
        if len(senses) > 1 and (slots.aggregate or slots.unique):
            raise NotUnderstood("what is aggregated")
        return found

    def _each_aggregate(self, found: list[Measure], senses: list[Sense], slots: Slots) -> list[Measure]:
        """``minimum, maximum and average order value``."""
        if len(found) != 1 or slots.per or slots.share:
            raise NotUnderstood("what is aggregated in which way")
        first = slots.aggregate
        for how in slots.aggregates:
            slots.aggregate = how
            found.append(self.measure(senses[0], slots))
        slots.aggregate = first
        return found

    def _of_doers(self, senses: list[Sense], slots: Slots) -> Measure | None:
        if (counted := counted_values(senses, slots)) is not None:
            return Unique(
                measure="unique", of=field_of(counted[0]), where=counted[1], name=f"unique_{name_of(counted[0].name)}"
            )
        return of_doers(senses, slots, self)

    def _of_events(self, senses: list[Sense], slots: Slots) -> Measure | None:
        """``median load time of page views``: what is aggregated, of which events."""
        fields = [one for one in senses if one.kind == DIMENSION and one.detail == "number"]
        events = [where for one in senses if (where := events_of(one)) is not None]
        if not slots.aggregate or slots.joined or slots.per or len(senses) != 2 or len(fields) != 1 or len(events) != 1:
            return None
        whole = self._of_field(fields[0], slots)
        assert isinstance(whole, (Number, Quantile)), "it is aggregated"
        return whole.model_copy(update={"where": events[0]})

    def _of_each_period(self, sense: Sense, slots: Slots) -> Measure:
        """``average revenue per day``: the whole by the number of days."""
        slots.aggregate = ""
        amount, unit = self.measure(sense, slots), slots.grain
        is_sum = adds_up(amount)
        if len(slots.ranges) > 1 or not (is_sum or isinstance(plain(amount), Unique)):
            raise NotUnderstood(f"the average of {sense.name} for each {unit}")
        if is_sum and unit in _WHOLE and slots.ranges:
            span = span_asked(self, slots.ranges[0].range)
            periods, rest = divmod(span.end - span.first, _WHOLE[unit])
            if periods >= 1 and not rest and slots.ranges[0].role != "before":
                slots.grain = None
                return each_period(amount, periods, unit)
        slots.is_mean = True
        self.assumptions.append(f"the average of the {unit}s that have begun")
        return amount

    def _default(self, slots: Slots, by: list[FieldName]) -> Sense:
        """What is counted where the question names nothing to count."""
        fields = [one.name for one in by]
        said = frozenset(re.findall("[a-z]+", self.text.lower()))
        is_time = slots.which_unit is not None or fields[:1] in (["hour_of_day"], ["day_of_week"])
        if is_time and said & {"busiest", "quietest"}:
            return Sense(METRIC, "events")
        if said & {"slowest", "fastest", "longest", "shortest", "quickest", "cheapest"}:
            raise NotUnderstood("by what the order is: name it, as in “by average load time”")
        if fields and said & {"selling", "sellers"} and fields[0].startswith("properties."):
            self.assumptions.append("by the number of purchases")
            return Sense(METRIC, "purchases")
        if fields and said & {"best", "worst", "customers", "customer", "buyers", "shoppers"}:
            text = self.text.rstrip(" ?.!")
            raise Ambiguous(
                Unclear("It does not say by what they are the best.", (f"{text} by revenue", f"{text} by purchases"))
            )
        if "traffic" in said and slots.segments:
            return Sense(METRIC, "events")
        if slots.counted and not fields and slots.values:
            raise NotUnderstood("what is to be counted")
        if fields and fields[0] == "page_path":
            return Sense(METRIC, "page_views")
        if fields and (fields[0] in PERSON_DIMENSIONS or fields[0] in ("event_type", "event_name")):
            return Sense(METRIC, "events")
        if slots.values or fields or slots.segments:
            text = self.text.rstrip(" ?.!")
            options = tuple(f"{text} by {what}" for what in ("events", "visitors"))
            raise Ambiguous(Unclear("It does not say what is to be counted.", options))
        raise NotUnderstood("what is to be measured")

    def measure(self, sense: Sense, slots: Slots) -> Measure:
        """What a sense measures, aggregated as the question says."""
        if sense.kind == EVENT:
            if slots.aggregate or slots.unique:
                raise NotUnderstood(f"the {slots.aggregate or 'unique'} of {sense.name}")
            return Count(measure="count", name=name_of(sense.name), where=is_event(sense.name))
        if sense.kind == DIMENSION:
            return self._of_field(sense, slots)
        if sense.detail == "rate":
            return rate_of(sense, self)
        metric = METRICS[sense.name]
        if slots.unique and not isinstance(metric.measure, Unique):
            raise NotUnderstood(f"what is different about {metric.label.lower()}")
        if not slots.aggregate or isinstance(metric.measure, Formula):
            if slots.aggregate not in ("", "avg"):
                raise NotUnderstood(f"the {slots.aggregate} of {metric.label}")
            return self._plain_metric(metric.name)
        if isinstance(metric.measure, (Number, Quantile)):
            return aggregated(metric.measure.field, slots.aggregate, metric.measure.where, f"{slots.aggregate}_{metric.name}")
        if slots.aggregate == "sum" and "amount" not in self.text.lower():  # the sum of amounts is no count
            return MetricOf(measure="metric", metric=metric.name, name=metric.name)
        raise NotUnderstood(f"the {slots.aggregate} of {metric.label.lower()}: of what")

    def _plain_metric(self, name: str) -> MetricOf:
        """As the catalogue has it; ``total order value`` is no average."""
        said = frozenset(re.findall("[a-z]+", self.text.lower()))
        if name == "average_order_value" and "total" in said and not said & {"average", "avg", "aov", "mean", "typical"}:
            name = "revenue"
        return MetricOf(measure="metric", metric=name, name=name)

    def _of_field(self, sense: Sense, slots: Slots) -> Measure:
        asked = field_of(sense)
        name = name_of(sense.name)
        if slots.aggregate and sense.detail == "number":
            return aggregated(asked, slots.aggregate, _OF_ORDERS.get(sense.name), f"{slots.aggregate}_{name}")
        if slots.unique or (slots.is_field_counted and sense.detail != "number"):
            return Unique(measure="unique", of=asked, name=f"unique_{name}")
        raise NotUnderstood(f"what about {sense.name}")

    def _share(self, where: Filter | None, measures: list[Measure]) -> tuple[Filter | None, list[Measure]]:
        if len(measures) != 1 or where is None:
            raise NotUnderstood("the share of what in what")
        whole = plain(measures[0])
        if not isinstance(whole, (Count, Unique, Number)):
            raise NotUnderstood("the share of a rate")
        return None, [percent_of(whole.model_copy(update={"where": both(whole.where, where)}), whole)]

    # Groups and filters

    def _dimensions(self, slots: Slots) -> list[FieldName]:
        senses = list(slots.by)
        if not slots.aggregate and not slots.unique and not slots.is_field_counted:
            for one in [one for one in slots.measures if one.kind == DIMENSION]:
                if one.detail == "time":
                    raise NotUnderstood("whether a day or an hour is meant: write “which day” or “which hour”")
                if one.detail == "number" and one.name not in ("hour_of_day", "day_of_week"):
                    raise NotUnderstood(
                        f"what about {one.name.removeprefix('properties.')}: its sum, its average or its median"
                    )
                slots.measures.remove(one)
                senses.append(one)
        found = [field_of(one) for one in dict.fromkeys(senses)]
        for name in self._split(slots):
            if name not in [one.name for one in found]:
                found.append(FieldName(name=name))
        return found

    def _split(self, slots: Slots) -> list[str]:
        """Fields of which several values are named beside each other: each is one row then."""
        if slots.either or slots.share or (slots.counted and not slots.compare):
            return []
        common = in_common(slots)
        fields = [one_field(senses, self, common).name for senses in slots.values if not senses[0].label or slots.compare]
        return sorted({name for name in fields if fields.count(name) > 1})

    def _fit_values(self, slots: Slots) -> None:
        """Values as those of fields that the events have."""
        types, named = types_asked(slots, self), {one.name for one in slots.by}
        slots.values, slots.excluded = (fitted(each, types, self, named) for each in (slots.values, slots.excluded))

    def filters(self, slots: Slots) -> Filter | None:
        """Which events the question is about."""
        named = {one.name for one in slots.by} or in_common(slots)
        self._fit_values(slots)
        chosen = [one_field(senses, self, named) for senses in slots.values]
        fields = list(dict.fromkeys(one.name for one in chosen))
        if slots.either and (len(fields) != 1 or len(chosen) < 2):
            raise NotUnderstood("what “or” stands between")
        refuse_both_or_either(slots, chosen)
        found: list[Filter] = [any_of([one.detail for one in chosen if one.name == name]) for name in fields]
        found += [Not.model_validate({"not": one_field(senses, self, named).detail}) for senses in slots.excluded]
        found += [Not.model_validate({"not": events}) for events in slots.left_out]
        found += slots.segments
        found += [self._number(target, sign, number, slots) for target, sign, number in slots.numbers]
        return all_of(found)

    def _number(self, target: Sense | None, sign: str, number: int, slots: Slots) -> Filter:
        if target is None:
            named = {one.name for one in slots.measures}
            if not named or not named <= PURCHASES:
                raise NotUnderstood(f"what {number} is a limit of")
            target = Sense(DIMENSION, "order_value", "number")
        if target.detail != "number":
            raise NotUnderstood(f"what {number} says of {target.name}")
        return Comparison.model_validate({"field": {"name": target.name, "type": "number"}, "operator": sign, "value": number})

    # Time

    def _following(self, slots: Slots, by: list[FieldName]) -> tuple[Unit | None, Then | None]:
        grain = slots.grain or slots.period
        if slots.having is not None:
            if (not by) == (grain is None) or slots.share or slots.which_unit is not None:
                raise NotUnderstood(f"what {slots.having[1]} is a limit of")
            return grain, Kept.model_validate(
                {"operator": slots.having[0], "number": slots.having[1], "counted": slots.is_how_many_keep}
            )
        if slots.is_mean:
            if slots.running or slots.is_moving or slots.growth or slots.is_ranked or slots.which_unit is not None:
                raise NotUnderstood("what of the average")
            return grain, Mean()
        if slots.running:
            if not all(adds_up(self.measure(one, slots)) for one in slots.measures):
                raise NotUnderstood("the running total of what does not add up: who comes twice counts once")
            return grain or "day", RunningTotal()
        if slots.is_moving:
            return grain or "day", MovingAverage(periods=slots.moving or 7)
        if slots.moving:
            raise NotUnderstood(f"what {slots.moving} {grain or ''} are for")
        return self._largest_or_growth(slots, grain, by)

    def _largest_or_growth(self, slots: Slots, grain: Unit | None, by: list[FieldName]) -> tuple[Unit | None, Then | None]:
        if slots.which_unit is not None:
            if by or not slots.is_ranked:
                raise NotUnderstood(f"which {slots.which_unit}")
            count = slots.top or (1 if slots.single else _TOP)
            return slots.which_unit, Largest(count=count, smallest=slots.ascending)
        if slots.period is not None or (slots.growth and grain is not None):
            return grain, Growth()
        return grain, None

    def _ranking(self, slots: Slots, by: list[FieldName], then: Any) -> tuple[int | None, bool]:
        if isinstance(then, Largest):
            return None, False
        if slots.is_ranked and not by and not slots.grain:
            raise NotUnderstood("what is ranked")
        if not by:
            if slots.top is not None:
                raise NotUnderstood(f"what the first {slots.top} are of")
            return None, False
        if slots.top is not None:
            return slots.top, slots.ascending
        if slots.is_ranked and slots.is_superlative:
            return (1 if slots.single else _TOP), slots.ascending
        return None, slots.ascending


def name_of(text: str) -> str:
    """A name for a column of the answer."""
    cut = re.sub(r"[^a-z0-9]+", "_", text.removeprefix("properties.").lower()).strip("_")[:40]
    return cut if re.match(NAME, cut) else f"m_{cut}"
