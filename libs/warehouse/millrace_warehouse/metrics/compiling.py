"""What a question asks of the engine, without asking it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from millrace_warehouse.metrics.funnels import compile_funnel, compile_people
from millrace_warehouse.metrics.habits import compile_lifecycle, compile_stickiness
from millrace_warehouse.metrics.paths import compile_paths
from millrace_warehouse.metrics.questions import Funnel, Lifecycle, Paths, Question, Retention, Sessions, Stickiness, Trend
from millrace_warehouse.metrics.ranges import EVERYTHING, span_before, span_of, zone_of
from millrace_warehouse.metrics.retentions import compile_retention
from millrace_warehouse.metrics.statements import Moment, Statement, Writing
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
        made.append(Writing(tenant, span, zone, moment.now, question.segments, question.bots))
        return made[-1]

    match question:
        case Trend():
            spans = [span] if question.compare is None else [span, span_before(span, question.compare, zone)]
            found = [compile_trend(question, writing(), each).statement for each in spans]
        case Funnel():
            found = [compile_funnel(question, writing())]
            if question.people is not None:
                found.append(compile_people(question, writing()))
        case Retention():
            found = [compile_retention(question, writing())]
        case Stickiness():
            found = [compile_stickiness(question, writing())]
        case Lifecycle():
            found = [compile_lifecycle(question, writing())]
        case Sessions():
            found = [compile_sessions(question, writing())]
        case Paths():
            found = [compile_paths(question, writing())]
        case _:
            assert_never(question)
    until = max(one.until for one in made)
    return Compiled(found, until if until < EVERYTHING.end else None)
