"""Opens Claude."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anthropic import AsyncAnthropic

from millrace_analytics.ai.claude.calling import Claude
from millrace_analytics.ai.claude.reading import ClaudeModel
from millrace_analytics.ai.settings import AiSettings
from millrace_analytics.ai.spending import Spending
from millrace_service.metrics import Metrics


@asynccontextmanager
async def open_claude(settings: AiSettings, spending: Spending, metrics: Metrics) -> AsyncIterator[ClaudeModel]:
    """Claude with the key of the settings, which has to be there. Nothing is sent before the first question."""
    assert settings.anthropic_api_key is not None, "without a key nothing may be asked"
    # Key and address are given, so that the SDK looks for neither in profiles of this machine's user.
    client = AsyncAnthropic(
        api_key=settings.anthropic_api_key.get_secret_value(),
        base_url=settings.anthropic_base_url or "https://api.anthropic.com",
        timeout=settings.ai_seconds,
        max_retries=settings.ai_retries,
    )
    async with client:
        yield ClaudeModel(Claude(client, settings, spending, metrics), settings)
