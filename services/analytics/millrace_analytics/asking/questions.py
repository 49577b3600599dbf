"""Questions of the metric layer, from what is kept."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
from fastapi import Response

from millrace_analytics.asking.answers import Answers, Outcome
from millrace_analytics.asking.answers import Question as Keepable
from millrace_analytics.asking.looks import Looks
from millrace_analytics.asking.timing import Timing, headers_of
from millrace_core.time import now_ms
from millrace_warehouse.metrics.answers import Answer
from millrace_warehouse.metrics.asking import Moment, answer, newest_of
from millrace_warehouse.metrics.compiling import Compiled, compiled
from millrace_warehouse.metrics.questions import Question
from millrace_warehouse.ports import Warehouse


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, where it is from, how old it is, and where the time went."""

    answer: Answer
    outcome: Outcome
    age_seconds: float
    timing: Timing = field(default_factory=Timing)

    @property
    def headers(self) -> dict[str, str]:
        """``X-Cache``, ``Age`` and ``Server-Timing``."""
        return headers_of(self.timing, self.outcome, self.age_seconds)


def told(response: Response, found: Answered) -> Answer:
    """The answer, whose headers are set."""
    response.headers.update(found.headers)
    return found.answer


class QuestionAsking:
    """Asks: once for all who ask the same, and not again while the answer serves.

    Args:
        seconds: how old may be what is told of a tenant's newest event. To look costs the engine a third of a small question.
    """

    def __init__(self, warehouse: Warehouse, answers: Answers, seconds: float) -> None:
        self._warehouse = warehouse
        self._answers = answers
        self._newest = Looks(self._look, seconds)

    async def ask(
        self,
        tenant: str,
        question: Question,
        moment: Moment,
        *,
        is_fresh: bool = False,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> Answered:
        """The answer.

        Args:
            is_fresh: what is kept is not good enough.
            before: done before the warehouse is asked; what it raises is raised.

        Raises:
            InvalidInput, QueryError: the question is at fault.
            TooManyRequests: too many questions are running.
            WarehouseUnavailable: and nothing is kept that may be told instead.
        """
        timing = Timing()
        with timing.of("compile"):
            made = compiled(tenant, question, moment)

        async def compute() -> bytes:
            if before is not None:
                await before()
            with timing.of("warehouse"):
                return msgspec.json.encode(await answer(self._warehouse.of(tenant), question, moment, newest))

        async def newest() -> str | None:
            return await self._newest.of(tenant, is_fresh=is_fresh)

        until = None if made.until is None else -(-made.until // 1000)
        asked = Keepable(tenant, _name(question, moment, made), until=until, is_fresh=is_fresh)
        kept = await self._answers.get(asked, compute)
        timing.note(kept.outcome)
        return Answered(msgspec.json.decode(kept.body, type=Answer), kept.outcome, kept.age_seconds, timing)

    async def _look(self, tenant: str) -> str | None:
        return await newest_of(self._warehouse.of(tenant), now_ms())


def _name(question: Question, moment: Moment, made: Compiled) -> str:
    """The statements and their values are what is asked; the question and the time zone say what is made of the rows."""
    statements = [[one.sql, one.values] for one in made.statements]
    asked = msgspec.json.encode(statements, order="sorted").decode()
    return "\0".join(("question", question.time_zone or moment.time_zone, question.model_dump_json(), asked))
