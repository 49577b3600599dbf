"""Answers a question in plain language: somebody reads it, the warehouse answers, and code says what the answer shows."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog

from millrace_analytics.ai.checking import computed_of, unfounded
from millrace_analytics.ai.describing import explained
from millrace_analytics.ai.facts import Fact, facts_of
from millrace_analytics.ai.knowing import Knowledge
from millrace_analytics.ai.ports import (
    Asked,
    Conversation,
    InSql,
    LanguageModel,
    ModelFailed,
    Planned,
    Reading,
    Source,
    Unanswerable,
    Unclear,
    Usage,
    Vocabulary,
)
from millrace_analytics.ai.related import related_to
from millrace_analytics.ai.remembering import normal, reading_of, resembling
from millrace_analytics.ai.results import Result, run_plan, run_sql, sql_of
from millrace_analytics.asking.questions import QuestionAsking
from millrace_analytics.tenant_catalogue import filters_of
from millrace_core.errors import InvalidInput, QueryError, RecordsUnavailable
from millrace_core.time import now_ms
from millrace_records.questions import QuestionRecords, Verified
from millrace_warehouse.metrics.answers import Answer
from millrace_warehouse.metrics.asking import Moment
from millrace_warehouse.metrics.questions import Question
from millrace_warehouse.ports import TenantWarehouse, Warehouse

REPAIRS: Final = 2
"""How often a reading that did not work is read anew."""

Status = Literal["ok", "needs_clarification", "unanswerable"]

_log = structlog.get_logger("millrace.ai")


@dataclass(slots=True)
class Told:
    """An answer, or why there is none."""

    question: str
    status: Status = "ok"
    source: Source = "offline"
    reading: Reading | None = None
    result: Result | None = None
    explanation: str = ""
    facts: Sequence[Fact] = ()
    insights: str = ""
    related: Sequence[str] = ()
    options: Sequence[str] = ()
    reason: str = ""
    confidence: float = 0.0
    understood: Sequence[str] = ()
    assumptions: Sequence[str] = ()
    warnings: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    repairs: int = 0
    sql: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """How far an answer is."""

    name: str
    detail: Mapping[str, Any]


@dataclass(slots=True)
class _Way:
    """One question on its way."""

    asked: Asked
    warehouse: TenantWarehouse
    told: Told
    talk: Conversation
    execute: bool


class Questions:
    """Answers questions.

    Args:
        model: reads first; None where no key is set.
        matcher: reads where the model does not.
        memory: verified questions; None where there are no records.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        asking: QuestionAsking,
        knowledge: Knowledge,
        matcher: LanguageModel,
        model: LanguageModel | None = None,
        memory: QuestionRecords | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._warehouse = warehouse
        self._asking = asking
        self._knowledge = knowledge
        self._matcher = matcher
        self._model = model
        self._memory = memory
        self._clock = clock

    async def steps(self, tenant: str, question: str, time_zone: str, *, execute: bool) -> AsyncIterator[Step | Told]:
        """What is done, as it is done; the answer at the end.

        Raises:
            WarehouseUnavailable, TooManyRequests: it cannot be asked now.
        """
        started = time.perf_counter()
        told = Told(question)
        yield Step("accepted", {"question": question[:500]})
        known = await self._verified(tenant, told)
        vocabulary = await self._knowledge.of(tenant)
        if not vocabulary.written.is_whole:
            told.warnings.append("What was written about events, and segments, cannot be read at the moment.")
        asked = Asked(tenant, question, self._clock(), time_zone, vocabulary, resembling(question, known) if known else ())
        way = _Way(asked, self._warehouse.of(tenant), told, self._matcher.about(asked), execute)
        reading = await self._read(way, known)
        while True:
            told.reading = reading
            yield Step("read", {"source": told.source, "status": _status(reading)})
            problem = await self._try(way, reading)
            if problem is None:
                break
            yield Step("repair", {"number": told.repairs + 1, "problem": problem})
            reading = await self._repaired(way, problem)
        if told.result is not None:
            yield Step("rows", {"count": len(told.result.rows), "sql": told.sql})
            await self._say(way, told.result)
        _describe(way, reading)
        told.usage = way.talk.usage
        told.seconds = time.perf_counter() - started
        yield told

    async def _verified(self, tenant: str, told: Told) -> Sequence[Verified]:
        if self._memory is None:
            return ()
        try:
            return await self._memory.verified(tenant)
        except RecordsUnavailable:
            told.warnings.append("Verified questions cannot be read at the moment.")
            return ()

    async def _read(self, way: _Way, known: Sequence[Verified]) -> Reading:
        told = way.told
        same = next((one for one in known if one.question == normal(way.asked.text)), None)
        if same is not None and (reading := reading_of(same)) is not None:
            told.source = "verified"
            return reading
        if self._model is not None and way.asked.text.strip():
            way.talk = self._model.about(way.asked)
            told.source = "model"
            try:
                return await way.talk.read()
            except ModelFailed as failed:
                told.warnings.append(f"{failed} The offline matcher answers.")
        return await self._offline(way)

    async def _offline(self, way: _Way) -> Reading:
        spent = way.talk.usage
        way.talk = self._matcher.about(way.asked)
        _add(way.talk.usage, spent)
        way.told.source = "offline"
        return await way.talk.read()

    async def _try(self, way: _Way, reading: Reading) -> str | None:
        """Run it; what was wrong, where another reading may mend it.

        Raises:
            WarehouseUnavailable, TooManyRequests: no reading mends that.
        """
        told = way.told
        if isinstance(reading, (Unclear, Unanswerable)):
            return None
        try:
            if isinstance(reading, InSql):
                told.sql = reading.sql
                told.result = await run_sql(way.warehouse, reading.sql) if way.execute else None
            else:
                moment = Moment(way.asked.now, way.asked.time_zone, filters_of(way.asked.vocabulary.written.segments))
                told.sql = sql_of(way.asked.tenant, reading.plan, moment)
                told.result = await run_plan(self._ask(way), reading.plan, moment) if way.execute else None
        except (QueryError, InvalidInput) as error:
            return error.message
        problem = _suspicious(told.result, way.asked.vocabulary)
        if problem is not None and (told.source != "model" or told.repairs >= REPAIRS):
            told.warnings.append(problem)
            return None
        return problem

    def _ask(self, way: _Way) -> Callable[[Question, Moment], Awaitable[Answer]]:
        async def ask(question: Question, moment: Moment) -> Answer:
            found = await self._asking.ask(way.asked.tenant, question, moment)
            if found.outcome == "stale":
                way.told.warnings.append(f"The warehouse does not answer: this is {found.age_seconds:,.0f} seconds old.")
            return found.answer

        return ask

    async def _repaired(self, way: _Way, problem: str) -> Reading:
        """Another reading: of the model where it has one, else of the matcher, else none."""
        told = way.told
        if told.source == "model" and told.repairs < REPAIRS:
            told.repairs += 1
            try:
                again = await way.talk.repair(problem)
                if again is not None:
                    return again
            except ModelFailed as failed:
                told.warnings.append(f"{failed} The offline matcher answers.")
        if told.source != "offline":
            return await self._offline(way)
        told.result, told.sql = None, ""
        return Unanswerable(f"The question could not be answered: {problem}")

    async def _say(self, way: _Way, result: Result) -> None:
        """Insights: the model's wording where every number of it was computed, else the facts as they are."""
        told = way.told
        told.facts = facts_of(result)
        plain = [fact.text for fact in told.facts]
        told.insights = " ".join(plain)
        if told.source != "model":
            return
        try:
            worded = await way.talk.phrase(plain)
        except ModelFailed as failed:
            told.warnings.append(str(failed))
            return
        if worded is None:
            return
        wrong = unfounded(worded, computed_of(result.rows, way.asked.text, plain))
        if wrong:
            _log.warning("insight_refused", tenant=way.asked.tenant, numbers=wrong[:5])
            told.warnings.append("A text of the language model had numbers that are not in the answer, and was left out.")
        else:
            told.insights = worded


def _describe(way: _Way, reading: Reading) -> None:
    told = way.told
    told.status = _status(reading)
    match reading:
        case Planned():
            told.explanation = explained(reading.plan)
            told.assumptions, told.understood = reading.assumptions, reading.understood
            told.confidence = reading.confidence
            told.related = reading.related or related_to(reading.plan)
        case InSql():
            told.explanation = _explained(way, reading)
            told.confidence, told.related = reading.confidence, reading.related
        case Unclear():
            told.reason, told.options, told.understood = reading.reason, reading.options, reading.understood
        case Unanswerable():
            told.reason, told.understood, told.related = reading.reason, reading.understood, reading.related
    if told.result is not None and told.result.truncated:
        told.warnings.append("There are more rows than are shown.")


def _explained(way: _Way, reading: InSql) -> str:
    rows = way.told.result.rows if way.told.result is not None else ()
    said = reading.explanation.strip()
    if said and way.told.source == "offline":
        return said  # code has made it
    if said and not unfounded(said, computed_of(rows, way.asked.text)):
        return said
    return "The answer of the statement that is shown."


def _status(reading: Reading) -> Status:
    match reading:
        case Unclear():
            return "needs_clarification"
        case Unanswerable():
            return "unanswerable"
    return "ok"


def _suspicious(result: Result | None, known: Vocabulary) -> str | None:
    """What is odd about an answer that came: nothing at all, although the tenant has events."""
    if result is None or not known.event_types:
        return None
    measures = [at for at, one in enumerate(result.columns) if one.role == "measure"]
    is_empty = not result.rows or (bool(measures) and all(row[at] in (None, 0) for row in result.rows for at in measures))
    if not is_empty:
        return None
    return "No event fits what was asked for: a name, a value or the time may be another one."


def _add(usage: Usage, spent: Usage) -> None:
    usage.calls += spent.calls
    usage.input_tokens += spent.input_tokens
    usage.output_tokens += spent.output_tokens
    usage.cache_read_tokens += spent.cache_read_tokens
    usage.cache_write_tokens += spent.cache_write_tokens
    usage.micro_usd += spent.micro_usd
