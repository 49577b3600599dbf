"""What a question asks of the engine, without asking it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from millrace_warehouse.metrics.funnels import compile_funnel, compile_people
from millrace_warehouse.metrics.habits import compile_lifecycle, compile_stickiness
from millrace_warehouse.metrics.journeys import compile_journey
from millrace_warehouse.metrics.paths import compile_paths
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
from millrace_warehouse.metrics.ranges import EVERYTHING, span_before, span_of, zone_of
from millrace_warehouse.metrics.retentions import compile_retention
from millrace_warehouse.metrics.statements import Moment, Statement, Writing, writing_of
from millrace_warehouse.metrics.trends import compile_trend
from millrace_warehouse.metrics.visits import compile_sessions


@dataclass(frozen=True, slots=True)
class Compiled:
    """The statements of a question, in the order in which they are asked.

    Attributes:
        until: no event from this time on changes what they answer (milliseconds since the epoch); None where any may.
    """

    statements: Sequence[Statement]
    until: int | None


def compiled(tenant: str, question: Question, moment: Moment) -> Compiled:
    """The statements.

    Raises:
        InvalidInput: the question names what there is not, or asks for too many rows.
    """
    zone = zone_of(question.time_zone or moment.time_zone)
    span = span_of(question.range, moment.now, zone)
    made: list[Writing] = []

    def writing() -> Writing:
        made.append(writing_of(tenant, question, moment, span, zone))
        return made[-1]

    found = list(_statements(question, writing))
    until = max(one.until for one in made)
    return Compiled(found, until if until < EVERYTHING.end else None)


def _statements(question: Question, writing: Callable[[], Writing]) -> Iterator[Statement]:
    match question:
        case Trend():
            yield from _trend(question, writing)
        case Funnel():
            yield compile_funnel(question, writing())
            if question.people is not None:
                yield compile_people(question, writing())
        case Retention():
            yield compile_retention(question, writing())
        case Stickiness():
            yield compile_stickiness(question, writing())
        case Lifecycle():
            yield compile_lifecycle(question, writing())
        case Sessions():
            yield compile_sessions(question, writing())
        case Paths():
            yield compile_paths(question, writing())
        case Journey():
            yield compile_journey(question, writing())
        case _:
            assert_never(question)


def _trend(trend: Trend, writing: Callable[[], Writing]) -> Iterator[Statement]:
    first = writing()
    yield compile_trend(trend, first, first.span).statement
    if trend.compare is not None:
        yield compile_trend(trend, writing(), span_before(trend.range, first.span, trend.compare, first.zone)).statement
