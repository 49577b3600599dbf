"""One call of Claude: within the tenant's budget, a deadline and the breaker, with its cost written down."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import httpx2
import structlog
from anthropic import AsyncAnthropic
from anthropic.types import Message, MessageParam, OutputConfigParam, TextBlockParam, ToolParam

from millrace_analytics.ai.claude.breaker import TimedBreaker
from millrace_analytics.ai.ports import ModelFailed, Usage
from millrace_analytics.ai.settings import AiSettings
from millrace_analytics.ai.spending import Spending, day_of
from millrace_core import metrics as names
from millrace_core.errors import Unavailable
from millrace_core.time import now_ms
from millrace_service.metrics import Metrics

# Of the input price (docs of Anthropic, prompt caching): what writing to its cache and reading from it costs.
_WRITE_5M: Final = 1.25
_WRITE_1H: Final = 2.0
_READ: Final = 0.1

_BUSY: Final = "The language model does not answer at the moment."

_log = structlog.get_logger("millrace.ai")


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent."""

    model: str
    system: Iterable[TextBlockParam]
    messages: Iterable[MessageParam]
    max_tokens: int
    schema: dict[str, object] | None = None
    """Of the answer, which is JSON then."""
    tools: tuple[ToolParam, ...] = ()


class _Cut(Exception):
    """The stream ended before the message did."""


class Claude:
    """Calls Claude for tenants.

    Args:
        clock: seconds that only go up.
    """

    def __init__(
        self,
        client: AsyncAnthropic,
        settings: AiSettings,
        spending: Spending,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._settings = settings
        self._spending = spending
        self._metrics = metrics
        self._breaker = TimedBreaker(clock)

    async def call(self, tenant: str, call: Call, usage: Usage) -> Message:
        """The whole answer; ``usage`` is added to, also by a call that fails on its way.

        Raises:
            ModelFailed: there is none.
        """
        if self._breaker.is_open:
            raise self._told("failed", ModelFailed(_BUSY))
        await self._check_budget(tenant)
        usage.calls += 1
        try:
            async with asyncio.timeout(self._settings.ai_seconds):
                message = await self._whole(tenant, call, usage)
        except (TimeoutError, anthropic.AnthropicError, httpx2.HTTPError, _Cut, ValueError) as error:
            failure = self._failure(error)
            raise self._told("failed" if failure.is_fault else "refused", failure) from error
        self._breaker.succeeded()
        self._metrics.counter(names.LLM_REQUESTS, "ok").inc()
        return message

    def _told(self, result: str, failure: ModelFailed) -> ModelFailed:
        self._metrics.counter(names.LLM_REQUESTS, result).inc()
        return failure

    async def _check_budget(self, tenant: str) -> None:
        try:
            spent = await self._spending.spent(tenant, day_of(now_ms()))
        except Unavailable as error:
            raise self._told("failed", ModelFailed("What questions cost cannot be counted at the moment.")) from error
        if spent >= self._settings.ai_budget_usd * 1e6:
            spent_up = f"Today's budget of {self._settings.ai_budget_usd:g} US dollars for the model is spent."
            raise self._told("budget", ModelFailed(spent_up, is_fault=False))

    async def _whole(self, tenant: str, call: Call, usage: Usage) -> Message:
        """The SDK retries what fails before it begins to answer, not a stream that breaks: that is asked for once more."""
        try:
            return await self._streamed(tenant, call, usage)
        except (httpx2.TransportError, _Cut) as error:
            _log.info("model_stream_cut", cause=str(error))
            return await self._streamed(tenant, call, usage)

    async def _streamed(self, tenant: str, call: Call, usage: Usage) -> Message:
        given: dict[str, Any] = {"output_config": _output(call.schema)} if call.schema else {}
        if call.tools:
            given["tools"] = call.tools
        begun: Message | None = None
        try:
            async with self._client.messages.stream(
                model=call.model, max_tokens=call.max_tokens, system=call.system, messages=call.messages, **given
            ) as stream:
                async for event in stream:
                    if begun is not None or event.type == "message_start":
                        begun = stream.current_message_snapshot
        finally:
            if begun is not None:
                await self._charge(tenant, call.model, begun, usage)
        if begun is None or begun.stop_reason is None:
            raise _Cut("the stream ended before the message did")
        return begun

    async def _charge(self, tenant: str, model: str, message: Message, usage: Usage) -> None:
        used = message.usage
        read, written = used.cache_read_input_tokens or 0, used.cache_creation_input_tokens or 0
        hourly = used.cache_creation.ephemeral_1h_input_tokens if used.cache_creation else 0
        is_text = model == self._settings.ai_text_model != self._settings.ai_model
        of_input, of_output = (
            (self._settings.ai_text_input_usd, self._settings.ai_text_output_usd)
            if is_text
            else (self._settings.ai_input_usd, self._settings.ai_output_usd)
        )
        weighed = used.input_tokens + read * _READ + (written - hourly) * _WRITE_5M + hourly * _WRITE_1H
        cost = round(weighed * of_input + used.output_tokens * of_output)  # dollars a million are millionths a token
        usage.input_tokens += used.input_tokens
        usage.output_tokens += used.output_tokens
        usage.cache_read_tokens += read
        usage.cache_write_tokens += written
        usage.micro_usd += cost
        for direction, tokens in (
            ("input", used.input_tokens),
            ("output", used.output_tokens),
            ("cache_read", read),
            ("cache_write", written),
        ):
            self._metrics.counter(names.LLM_TOKENS, direction).inc(tokens)
        self._metrics.counter(names.LLM_COST).inc(cost / 1e6)
        try:
            await self._spending.spend(tenant, day_of(now_ms()), cost)
        except Unavailable:
            _log.warning("model_cost_not_kept", tenant=tenant, micro_usd=cost)

    def _failure(self, error: BaseException) -> ModelFailed:
        status = getattr(error, "status_code", None)
        _log.warning("model_failed", cause=str(error)[:500], status=status, request_id=getattr(error, "request_id", None))
        match error:
            case anthropic.AuthenticationError() | anthropic.PermissionDeniedError() | anthropic.PaymentRequiredError():
                self._breaker.refused()
                return ModelFailed("The language model refuses this server's key.")
            case anthropic.NotFoundError():
                self._breaker.refused()
                return ModelFailed("The language model of the settings is not known at Anthropic.")
            case anthropic.RateLimitError():
                self._breaker.failed()
                return ModelFailed("The language model takes no more questions at the moment.")
            case anthropic.BadRequestError() | anthropic.ContentTooLargeError() | anthropic.UnprocessableEntityError():
                return ModelFailed("The language model cannot take this question.", is_fault=False)
        self._breaker.failed()
        return ModelFailed(_BUSY)


def _output(schema: dict[str, object]) -> OutputConfigParam:
    return {"format": {"type": "json_schema", "schema": schema}}
