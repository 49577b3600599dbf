"""Where questions arrive: limits and counting before the answer, its shape and the memory behind it."""

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from millrace_analytics.ai.asking import Questions, Step, Told
from millrace_analytics.ai.ports import InSql, Planned
from millrace_analytics.ai.remembering import kept_form, normal
from millrace_analytics.ai.schemas import AskAnswer
from millrace_analytics.ai.settings import AiSettings
from millrace_analytics.ai.shaping import answer_of
from millrace_analytics.ai.spending import Spending, day_of
from millrace_analytics.asking.limits import AskingLimit
from millrace_analytics.tenant_zones import TenantZones
from millrace_core import metrics as names
from millrace_core.errors import MillraceError, NotFound, Unavailable
from millrace_core.time import now_ms
from millrace_records.cache.ports import Cache
from millrace_records.ports import Records
from millrace_records.questions import Verified
from millrace_service.metrics import Metrics

_KEPT_SECONDS: Final = 86_400.0
"""How long an answer may be judged."""


class Desk:
    """Answers questions of tenants.

    Args:
        limit: how many questions a tenant may ask.
        zones: of tenants.
        records: where verified questions are kept; None where there are none.
        spending: what models have cost; None where no model is.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        questions: Questions,
        settings: AiSettings,
        limit: AskingLimit,
        cache: Cache,
        metrics: Metrics,
        zones: TenantZones,
        records: Records | None = None,
        spending: Spending | None = None,
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._questions = questions
        self._settings = settings
        self._limit = limit
        self._cache = cache
        self._metrics = metrics
        self._zones = zones
        self._records = records
        self._spending = spending
        self._clock = clock

    async def take(self, tenant: str) -> None:
        """Count a question against the tenant's limit.

        Raises:
            TooManyRequests: ``asking_rate_limited``.
        """
        await self._limit.take(tenant)

    async def answer(self, tenant: str, question: str, *, execute: bool) -> AskAnswer:
        """The answer.

        Raises:
            TooManyRequests, WarehouseUnavailable: it cannot be asked now.
        """
        await self.take(tenant)
        told: Told | None = None
        async for step in self.steps(tenant, question, execute=execute):
            if isinstance(step, Told):
                told = step
        assert told is not None, "the last step is the answer"
        return await self.finish(tenant, told)

    async def steps(self, tenant: str, question: str, *, execute: bool) -> AsyncIterator[Step | Told]:
        """What is done, and the answer at the end; counted, not limited. Raises as :meth:`answer` does."""
        label, started, status = self._metrics.capped("customer_id", tenant), time.perf_counter(), "error"
        try:
            async for step in self._questions.steps(tenant, question, await self._zones.of(tenant), execute=execute):
                if isinstance(step, Told):
                    status = step.status
                yield step
        except MillraceError as error:
            status = error.code
            raise
        finally:
            self._metrics.counter(names.AI_QUERIES, label, status).inc()
            self._metrics.histogram(names.QUERY_LATENCY, label).observe(time.perf_counter() - started)

    async def finish(self, tenant: str, told: Told) -> AskAnswer:
        """The answer's shape; what it was read as is kept until it may have been judged."""
        answer_id = secrets.token_hex(8)
        if told.status == "ok" and isinstance(told.reading, (Planned, InSql)):
            kind, asked = kept_form(told.reading)
            kept = {"question": normal(told.question), "kind": kind, "asked": asked, "sql": told.sql}
            await self._cache.put(_key(tenant, answer_id), json.dumps(kept).encode(), _KEPT_SECONDS)
        has_model = self._spending is not None
        budget = self._settings.ai_budget_usd if has_model else None
        return answer_of(told, answer_id, await self._zones.of(tenant), await self._spent(tenant), budget)

    async def judge(self, tenant: str, answer_id: str, actor: str, *, helpful: bool) -> bool:
        """Keep the question of an answer, or forget it; whether it is kept.

        Raises:
            NotFound: ``unknown_answer``: the tenant has had no such answer within a day, or not from here.
            RecordsUnavailable: it cannot be kept now.
            Unavailable: ``no_records``: this process keeps nothing.
        """
        if self._records is None:
            raise Unavailable("This server has no records to keep it in.", code="no_records")
        kept = await self._cache.get(_key(tenant, answer_id))
        if kept is None:
            raise NotFound("There is no such answer of the last day.", code="unknown_answer")
        said = json.loads(kept)
        if not helpful:
            await self._records.questions.remove_verified(tenant, said["question"])
            return False
        verified = Verified(tenant, said["question"], said["kind"], said["asked"], said["sql"], actor, self._clock())
        await self._records.questions.put_verified(verified)
        return True

    async def _spent(self, tenant: str) -> float | None:
        if self._spending is None:
            return None
        try:
            return await self._spending.spent(tenant, day_of(self._clock())) / 1e6
        except Unavailable:
            return None


def _key(tenant: str, answer_id: str) -> str:
    return f"answer:{tenant}:{answer_id}"
