"""The port of what reads plain language, and what a question becomes. A reader never sees a row and never runs anything: it
says what to ask, and the service asks it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from millrace_analytics.ai.plans import Plan
from millrace_analytics.tenant_catalogue import NOTHING, Written

Source = Literal["verified", "model", "offline"]

EventNames = Mapping[str, int]
"""How many events there are of each type, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a tenant's events."""

    name: str
    """Its path, ``cart.total``."""
    kind: Literal["text", "number", "boolean"]
    values: tuple[str, ...] = ()
    """Frequent values of a text property."""
    event_types: tuple[str, ...] = ()
    """Which events have it."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a tenant's events are called and say, and what was written about them. Every name was sent by somebody, every
    description written by somebody: they are data, whatever they say."""

    event_types: EventNames = field(default_factory=dict)
    event_names: EventNames = field(default_factory=dict)
    properties: tuple[Property, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Frequent values of each dimension (``country``, ``page_path``)."""
    version: str = ""
    """Another one where anything differs."""
    written: Written = NOTHING
    """Descriptions and segments."""
    lacking: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By dimension or property (``properties.plan``) the event types of which none of the newest events has it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question that somebody found well answered."""

    question: str
    sql: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what is known where it is asked."""

    tenant: str
    text: str
    now: int
    """Milliseconds since the epoch."""
    time_zone: str = "UTC"
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    examples: Sequence[Example] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A question of the metric layer."""

    plan: Plan
    confidence: float
    understood: tuple[str, ...] = ()
    """What each part of the text was taken for."""
    assumptions: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InSql:
    """A statement, where the metric layer has no question for it. It has not been through the gate."""

    sql: str
    confidence: float
    explanation: str
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unclear:
    """It can be read in several ways that differ."""

    reason: str
    options: tuple[str, ...]
    """Questions that each have one reading."""
    understood: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """Nobody should guess."""

    reason: str
    understood: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


Reading = Planned | InSql | Unclear | Unanswerable


@dataclass(slots=True)
class Usage:
    """What reading has cost so far."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    micro_usd: int = 0
    """Millionths of a US dollar, by the prices of the settings."""


class ModelFailed(Exception):
    """The reader cannot read now. The message is safe to show; the cause goes to the log.

    Args:
        is_fault: whether it is the model's service that fails, and not this question or its tenant's budget.
    """

    def __init__(self, message: str, *, is_fault: bool = True) -> None:
        super().__init__(message)
        self.is_fault = is_fault


class Conversation(Protocol):
    """About one question. All methods have a deadline of their own and raise ModelFailed."""

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        ...

    async def read(self) -> Reading:
        """What to ask."""
        ...

    async def repair(self, problem: str) -> Reading | None:
        """Another reading, as the last one did not work; None where there is no other.

        Args:
            problem: what was wrong, in words that show nothing of other tenants or of the engine's inside.
        """
        ...

    async def phrase(self, facts: Sequence[str]) -> str | None:
        """A few sentences about facts that were computed; None where they stand for themselves. Whoever calls checks each
        number of it."""
        ...


class LanguageModel(Protocol):
    """Reads questions."""

    @property
    def source(self) -> Literal["model", "offline"]:
        """How answers name it."""
        ...

    def about(self, asked: Asked) -> Conversation:
        """Begin on a question. Nothing is sent yet."""
        ...
