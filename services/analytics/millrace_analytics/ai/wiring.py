"""Makes plain language of opened ports."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from millrace_analytics.ai.asking import Questions
from millrace_analytics.ai.desk import Desk
from millrace_analytics.ai.knowing import Knowledge
from millrace_analytics.ai.offline.matcher import OfflineMatcher
from millrace_analytics.ai.ports import LanguageModel
from millrace_analytics.ai.settings import AiSettings
from millrace_analytics.ai.spending import MemorySpending, Spending
from millrace_analytics.asking.limits import AskingLimit
from millrace_analytics.asking.questions import QuestionAsking
from millrace_analytics.tenant_catalogue import TenantCatalogue
from millrace_analytics.tenant_zones import TenantZones
from millrace_core.errors import StartRefused
from millrace_records.cache.ports import CachePorts
from millrace_records.ports import Records
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import Warehouse

_QUESTIONS_AN_HOUR: Final = 100
"""That the realtime contract documents."""
_HOUR: Final = 3_600.0

_log = structlog.get_logger("millrace.ai")


@dataclass(frozen=True, slots=True)
class OpenModel:
    """Claude, where there is a key."""

    model: LanguageModel | None = None
    spending: Spending | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether a language model is asked."""
        return self.model is not None


@asynccontextmanager
async def open_model(settings: AiSettings, records: Records | None, metrics: Metrics) -> AsyncIterator[OpenModel]:
    """Claude where a key is set, else nothing. Nothing is sent yet.

    Raises:
        StartRefused: a key is set and the SDK is not installed.
    """
    key = settings.anthropic_api_key
    if key is None or not key.get_secret_value():
        yield OpenModel()
        return
    async with AsyncExitStack() as stack:
        spending: Spending = records.questions if records is not None else MemorySpending()
        try:
            from millrace_analytics.ai.claude.open import open_claude  # noqa: PLC0415 (150 ms that nobody else pays)
        except ImportError as error:
            raise StartRefused("a key for Claude is set: install millrace[ai]") from error
        model = await stack.enter_async_context(open_claude(settings, spending, metrics))
        _log.info("model_enabled", model=settings.ai_model, text_model=settings.ai_text_model)
        yield OpenModel(model, spending)


def build_desk(
    settings: AiSettings,
    warehouse: Warehouse,
    asking: QuestionAsking,
    cache: CachePorts,
    metrics: Metrics,
    opened: OpenModel,
    zones: TenantZones,
    records: Records | None,
    *,
    is_metered: bool,
) -> Desk:
    """Where questions arrive.

    Args:
        is_metered: whether the documented limit holds where the settings say none.
    """
    documented = _QUESTIONS_AN_HOUR if is_metered else 0
    amount = documented if settings.ai_questions_an_hour is None else settings.ai_questions_an_hour
    limit = AskingLimit(cache.limits, metrics, "ai", amount, _HOUR)
    memory = records.questions if records is not None else None
    knowledge = Knowledge(warehouse, TenantCatalogue(records), settings.ai_vocabulary_seconds)
    questions = Questions(warehouse, asking, knowledge, OfflineMatcher(), opened.model, memory)
    return Desk(questions, settings, limit, cache.cache, metrics, zones, records, opened.spending)
