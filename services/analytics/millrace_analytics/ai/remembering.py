"""Questions that somebody found well answered, kept for their tenant alone. What is kept is what was asked, never rows."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from millrace_analytics.ai.plans import Plan
from millrace_analytics.ai.ports import Example, InSql, Planned, Reading
from millrace_records.questions import Verified

_plan: Final[TypeAdapter[Plan]] = TypeAdapter(Plan)
_LIKE: Final = 60
"""Of 100: how much the words of two questions have to share for one to be an example for the other."""
_EXAMPLES: Final = 5


def normal(question: str) -> str:
    """One form for questions that differ in case, spaces and the mark at their end."""
    return re.sub(r"\s+", " ", question).strip().rstrip("?.! ").lower()[:1_000]


def reading_of(verified: Verified) -> Reading | None:
    """What was asked; None where it cannot be asked any more, as the metric layer has changed."""
    if verified.kind == "sql":
        return InSql(verified.asked, 1.0, "")
    try:
        return Planned(_plan.validate_json(verified.asked), 1.0)
    except ValidationError:
        return None


def kept_form(reading: Planned | InSql) -> tuple[Literal["plan", "sql"], str]:
    """How a reading is kept."""
    if isinstance(reading, InSql):
        return "sql", reading.sql
    return "plan", reading.plan.model_dump_json(exclude_none=True, by_alias=True)


def resembling(question: str, known: Sequence[Verified]) -> list[Example]:
    """Verified questions whose words are much the same, the nearest first."""
    from rapidfuzz import fuzz, process  # noqa: PLC0415 (a process that is asked nothing does without it)

    found = process.extract(
        normal(question), [one.question for one in known], scorer=fuzz.token_set_ratio, limit=_EXAMPLES, score_cutoff=_LIKE
    )
    return [Example(known[at].question, known[at].sql) for _, _, at in found]
