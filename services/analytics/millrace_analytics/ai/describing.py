"""What a plan computes, in a sentence made by code."""

from collections.abc import Sequence
from typing import Final, assert_never

from millrace_analytics.ai.plans import (
    Arrivals,
    Growth,
    Kept,
    Largest,
    LastStep,
    Mean,
    MovingAverage,
    OfSessions,
    OnSoMany,
    Plan,
    Returned,
    RunningTotal,
    Shares,
    Took,
)
from millrace_warehouse.metrics.catalogue import METRICS, SEGMENTS
from millrace_warehouse.metrics.filters import AllOf, AnyOf, Comparison, Did, Filter, InSegment, Not
from millrace_warehouse.metrics.measures import Count, Formula, Measure, MetricOf, Number, Quantile, Unique
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import (
    Funnel,
    Journey,
    Lifecycle,
    Paths,
    Question,
    Retention,
    Sessions,
    Stickiness,
    Trend,
)
from millrace_warehouse.metrics.ranges import Between, Last, Range
from millrace_warehouse.metrics.vocabulary import DIMENSIONS

_SIGNS: Final = {
    "eq": "is",
    "ne": "is not",
    "lt": "is less than",
    "le": "is at most",
    "gt": "is more than",
    "ge": "is at least",
    "between": "is between",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "begins with",
    "ends_with": "ends with",
    "matches": "matches",
    "is_set": "is set",
    "is_not_set": "is not set",
}


BEGINNING: Final = "2000-01-01"
"""The first day of what has no begin of its own: before it nobody sent events."""
_USUAL_WINDOW: Final = Funnel.model_fields["window_seconds"].default


def explained(plan: Plan) -> str:
    """``Revenue by country, where device is mobile, in the last whole month.``"""
    question = plan.question
    parts = [_asked(question)]
    if question.where is not None:
        parts.append(f"where {filter_in_words(question.where)}")
    parts.append(range_in_words(question.range))
    if isinstance(question, Trend) and question.compare is not None:
        parts.append("beside the same of " + ("a year before" if question.compare == "previous_year" else "the time before"))
    parts += _followed(plan)
    text = ", ".join(parts)
    return text[:1].upper() + text[1:] + "."


def _asked(question: Question) -> str:
    match question:
        case Trend():
            return _measured(question)
        case Funnel():
            steps = ", then ".join(step.name or filter_in_words(step.where) for step in question.steps)
            by = f" by {field_in_words(question.by)}" if question.by is not None else ""
            return f"how many people come how far: {steps}{by}{_window(question.window_seconds)}"
        case Retention():
            by = f", by {field_in_words(question.by)}" if question.by is not None else ""
            return f"how many of the people who began in a {question.unit} came back in each later one{by}"
        case Stickiness():
            return f"how many people were there in how many different {question.unit}s"
        case Lifecycle():
            return f"how many people were new, returning, back again or gone in each {question.unit}"
        case Sessions():
            by = f" by {field_in_words(question.by)}" if question.by is not None else ""
            per = f" per {question.granularity}" if question.granularity else ""
            return f"sessions, how long they were, and how many were bounces or engaged{by}{per}"
        case Paths():
            many = f"{question.steps} events" if question.steps > 1 else "event"
            event, by = filter_in_words(question.event), field_in_words(question.by)
            return f"the {many} {question.direction} somebody's first event whose {event}, by {by}"
        case Journey():
            return f"what “{question.person[:80]}” did, at most the {question.limit} newest events"
    assert_never(question)


def _window(seconds: int) -> str:
    """How long the steps may take together, where that is not the usual time."""
    if seconds == _USUAL_WINDOW:
        return ""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return f", within {count} {unit}" + ("s" if count != 1 else "")
    return f", within {seconds} seconds"


def _measured(question: Trend) -> str:
    text = listed([measure_in_words(one) for one in question.measures])
    if question.top is not None:
        which = "smallest" if question.ascending else "largest"
        text += f": the {question.top} {which} by {listed([field_in_words(one) for one in question.by])}"
    elif question.by:
        text += f" by {listed([field_in_words(one) for one in question.by])}"
    text += f" per {question.granularity}" if question.granularity else ""
    return text + {"exclude": "", "include": ", bots included", "only": ", of bots alone"}[question.bots]


def _followed(plan: Plan) -> list[str]:
    match plan.then:
        case None:
            return []
        case Growth():
            return ["with the change against the one before, in percent"]
        case MovingAverage(periods=periods):
            return [f"with the average of each and those before it, {periods} together"]
        case RunningTotal():
            return ["with the sum of each and all those before it"]
        case Shares():
            return ["with what each is of all of them, in percent"]
        case Kept(operator=sign, number=number, counted=counted):
            return [f"{'how many there are' if counted else 'only'} where that {_SIGNS[sign]} {number:g}"]
        case Largest(count=count, smallest=smallest):
            return [f"only the {'lowest' if smallest else 'highest'}" + (f" {count}" if count > 1 else "")]
        case Mean():
            return [f"only the average of all {getattr(plan.question, 'granularity', 'period')}s"]
        case _:
            return [_kept_of(plan.then, getattr(plan.question, "unit", "period"))]


_HOW: Final = {"average": "average", "median": "median", "p90": "90th percentile"}
_WHO: Final = {
    "both": "new, and who had been there before", "new": "new", "returning": "there and had been there before",
}  # fmt: skip


def _kept_of(then: LastStep | Took | OfSessions | Arrivals | Returned | OnSoMany, unit: str) -> str:
    """What is kept of a funnel, of sessions, of a lifecycle or of retention."""
    match then:
        case LastStep(share=share):
            return "only those who came to the end" + (", in percent of those who began" if share else "")
        case Took(how=how):
            return f"only how long it took from the first step to the last, in seconds: the {_HOW[how]}"
        case OfSessions(measure=measure, order=order, count=count):
            ranked = f", the {order}{'' if count is None else f' {count}'} first" if order else ""
            return f"only the {measure.replace('_', ' ')}{ranked}"
        case Arrivals(who=who):
            return f"only who was {_WHO[who]}"
        case Returned(period=period, until=until):
            began = f" of those who began by {until}" if until is not None else ""
            later = "" if period is None else f" {period} {unit}{'s' if period > 1 else ''} later"
            return f"only who came back{later}{began}"
        case OnSoMany(operator=sign, number=number, share=share):
            shown = ", in percent of all" if share else ""
            return f"only those for whom that number of different {unit}s {_SIGNS[sign]} {number}{shown}"
    assert_never(then)


def measure_in_words(measure: Measure) -> str:
    """``revenue (sum of amount …)``."""
    match measure:
        case MetricOf(metric=name):
            metric = METRICS[name]
            return f"{metric.label.lower()} ({metric.formula})"
        case Count():
            text = "events"
        case Number(measure=how, field=asked):
            text = f"{how} of {field_in_words(asked)}"
        case Quantile(field=asked, level=level):
            text = f"the {level:g} quantile of {field_in_words(asked)}"
        case Unique(of=of):
            text = "different " + (field_in_words(of) if isinstance(of, FieldName) else {"person": "people"}.get(of, f"{of}s"))
        case Formula(parts=parts):
            whole = {name: measure_in_words(part) for name, part in parts.items()}
            if set(whole) == {"part", "whole"}:
                text = f"the share of {whole['part']} in {whole['whole']}, in percent"
            else:
                text = f"{measure.formula}, with " + listed([f"{name} = {of}" for name, of in whole.items()])
        case _:
            assert_never(measure)
    return text + (f" where {filter_in_words(measure.where)}" if measure.where is not None else "")


def field_in_words(asked: FieldName) -> str:
    """The label of a dimension, or the property's name."""
    known = DIMENSIONS.get(asked.name)
    return known.label.lower() if known is not None else f"“{asked.name.removeprefix('properties.')}”"


def filter_in_words(where: Filter) -> str:
    """``country is DE and not (device is mobile)``."""
    match where:
        case Comparison(field=asked, operator=sign, value=value):
            said = "" if value is None else f" {_value(value)}"
            return f"{field_in_words(asked)} {_SIGNS[sign]}{said}"
        case AllOf(all=parts):
            return " and ".join(filter_in_words(one) for one in parts)
        case AnyOf(any=parts):
            return "(" + " or ".join(filter_in_words(one) for one in parts) + ")"
        case Not(negated=inner):
            return f"not ({filter_in_words(inner)})"
        case InSegment(segment=name):
            return SEGMENTS[name].label.lower() if name in SEGMENTS else name
        case Did():
            return _done(where)
    assert_never(where)


def _done(did: Did) -> str:
    low, high = did.at_least, did.at_most
    when = f" {range_in_words(did.range)}" if did.range is not None else ""
    if high == 0:
        often = "never"
    elif high is None:
        often = f"at least {low} times" if low is not None and low > 1 else "at least once"
    elif low == high:
        often = f"exactly {low} times"
    else:
        often = f"at most {high} times"
    return f"the person had {often} an event whose {filter_in_words(did.did)}{when}"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return listed([_value(one) for one in value[:10]])
    return f"“{value[:80]}”" if isinstance(value, str) else str(value)


def range_in_words(asked: Range | None) -> str:
    """``in the last 7 days``."""
    match asked:
        case None:
            return "over all time"
        case Between(start=start, end=end):
            if start == BEGINNING:
                return f"up to {end}"
            return f"on {start}" if start == end else f"from {start} to {end}"
        case Last(last=count, unit=unit, align=align):
            if unit == "day" and count == 1 and align != "rolling":
                return "today" if align == "to_date" else "yesterday"
            many = unit if count == 1 else f"{count} {unit}s"
            return {
                "rolling": f"in the last {many}",
                "to_date": f"in this {many} up to now",
                "complete": f"in the last whole {many}",
            }[align]
    assert_never(asked)


def listed(items: Sequence[str]) -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + f" and {items[-1]}" if items else ""
