"""Claude reads a question."""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal

import structlog
from anthropic.types import Message, MessageParam, TextBlockParam, ToolParam, ToolResultBlockParam
from pydantic import BaseModel, TypeAdapter, ValidationError

from millrace_analytics.ai.claude import prompt
from millrace_analytics.ai.claude.calling import Call, Claude
from millrace_analytics.ai.plans import Plan
from millrace_analytics.ai.ports import (
    Asked,
    Conversation,
    InSql,
    ModelFailed,
    Planned,
    Reading,
    Unanswerable,
    Unclear,
    Usage,
)
from millrace_analytics.ai.settings import AiSettings

_MOST_LOOKUPS: Final = 3
_ANSWER_TOKENS: Final = 4_000
_PHRASE_TOKENS: Final = 400
_LONGEST_TEXT: Final = 2_000

_plan: Final[TypeAdapter[Plan]] = TypeAdapter(Plan)

_LOOKUP: Final[ToolParam] = {
    "name": "lookup_values",
    "description": "Frequent values of a dimension or property of this tenant.",
    "input_schema": {
        "type": "object",
        "properties": {"name": {"type": "string", "description": "As the catalogue has it."}},
        "required": ["name"],
        "additionalProperties": False,
    },
}

_log = structlog.get_logger("millrace.ai")


class _Answer(BaseModel):
    """What Claude says. The schema of the request does not check lengths and ranges, so this does."""

    outcome: Literal["plan", "sql", "unclear", "unanswerable"]
    plan: str = ""
    sql: str = ""
    reason: str = ""
    options: list[str] = []
    interpretation: str = ""
    confidence: float = 0.5
    related: list[str] = []


class _Malformed(Exception):
    """What was answered cannot be used; the message tells Claude why."""


class ClaudeModel:
    """LanguageModel on Claude."""

    source: Literal["model"] = "model"

    def __init__(self, claude: Claude, settings: AiSettings) -> None:
        self._claude = claude
        self._settings = settings
        self._rules: Final = prompt.rules()

    def about(self, asked: Asked) -> Conversation:
        """See LanguageModel."""
        return _Talk(self._claude, self._settings, self._rules, asked)


class _Talk:
    """Conversation with Claude: what was said stays, so that a repair knows what it repairs."""

    def __init__(self, claude: Claude, settings: AiSettings, rules: str, asked: Asked) -> None:
        self._claude = claude
        self._settings = settings
        self._rules = rules
        self._asked = asked
        self._usage = Usage()
        self._said: list[MessageParam] = []

    @property
    def usage(self) -> Usage:
        """See Conversation."""
        return self._usage

    async def read(self) -> Reading:
        """See Conversation. An answer that cannot be used is asked for once more."""
        catalogue: TextBlockParam = {
            "type": "text",
            "text": prompt.catalogue_of(self._asked),
            "cache_control": {"type": "ephemeral"},
        }
        question: TextBlockParam = {"type": "text", "text": prompt.question_of(self._asked)}
        self._said = [{"role": "user", "content": [catalogue, question]}]
        try:
            return await self._reading()
        except _Malformed as malformed:
            return await self._again(str(malformed))

    async def repair(self, problem: str) -> Reading | None:
        """See Conversation."""
        return await self._again(problem)

    async def phrase(self, facts: Sequence[str]) -> str | None:
        """See Conversation."""
        told = json.dumps({"question": self._asked.text[:_LONGEST_TEXT], "facts": list(facts)}, ensure_ascii=False)
        call = Call(
            self._settings.ai_text_model,
            [{"type": "text", "text": prompt.PHRASING}],
            [{"role": "user", "content": told}],
            _PHRASE_TOKENS,
        )
        message = await self._claude.call(self._asked.tenant, call, self._usage)
        text = _text_of(message).strip()
        return text if message.stop_reason == "end_turn" and text else None

    async def _again(self, problem: str) -> Reading:
        told = f"That does not work: {problem[:_LONGEST_TEXT]} Answer the question again."
        self._said.append({"role": "user", "content": told})
        try:
            return await self._reading()
        except _Malformed as malformed:
            raise ModelFailed("The language model gave no answer that can be used.", is_fault=False) from malformed

    async def _reading(self) -> Reading:
        for _ in range(_MOST_LOOKUPS + 1):
            message = await self._claude.call(self._asked.tenant, self._call(), self._usage)
            self._said.append({"role": "assistant", "content": message.content or "(nothing)"})
            if message.stop_reason != "tool_use":
                return self._read_from(message)
            self._said.append({"role": "user", "content": self._looked_up(message)})
        raise ModelFailed("The language model looked up values and gave no answer.", is_fault=False)

    def _call(self) -> Call:
        system: TextBlockParam = {"type": "text", "text": self._rules, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
        model = self._settings.ai_model
        return Call(model, [system], list(self._said), _ANSWER_TOKENS, prompt.ANSWER_SCHEMA, (_LOOKUP,))

    def _looked_up(self, message: Message) -> list[ToolResultBlockParam]:
        return [
            {"type": "tool_result", "tool_use_id": block.id, "content": self._values(block.input)}
            for block in message.content
            if block.type == "tool_use"
        ]

    def _values(self, given: Any) -> str:
        name = str(given.get("name", "")).removeprefix("properties.") if isinstance(given, dict) else ""
        known = self._asked.vocabulary
        values = known.values.get(name) or next((one.values for one in known.properties if one.name == name), None)
        return json.dumps({"unknown": name[:100]} if values is None else list(values), ensure_ascii=False)

    def _read_from(self, message: Message) -> Reading:
        if message.stop_reason == "refusal":
            return Unanswerable("The language model declines to answer this.")
        if message.stop_reason != "end_turn":
            raise _Malformed(f"the answer ended early ({message.stop_reason}); be shorter.")
        try:
            answer = _Answer.model_validate_json(_text_of(message))
        except ValidationError as error:
            _log.info("model_answer_malformed", cause=str(error)[:500])
            raise _Malformed("the answer is not the JSON object that was asked for.") from error
        return _reading_of(answer)


def _text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _reading_of(answer: _Answer) -> Reading:
    confidence = min(max(answer.confidence, 0.0), 1.0)
    related = tuple(one[:300] for one in answer.related[:3])
    match answer.outcome:
        case "plan":
            return Planned(_plan_of(answer.plan), confidence, (answer.interpretation[:_LONGEST_TEXT],), related=related)
        case "sql" if answer.sql.strip():
            return InSql(answer.sql, confidence, answer.interpretation[:_LONGEST_TEXT], related)
        case "unclear" if answer.options:
            return Unclear(answer.reason[:_LONGEST_TEXT], tuple(one[:300] for one in answer.options[:4]))
        case "unanswerable":
            return Unanswerable(answer.reason[:_LONGEST_TEXT] or "The events cannot tell this.", related=related)
    raise _Malformed(f"the outcome is {answer.outcome}, and the field for it is empty.")


def _plan_of(text: str) -> Plan:
    try:
        return _plan.validate_json(text)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise _Malformed(f"the plan does not follow its schema: {found}.") from error
