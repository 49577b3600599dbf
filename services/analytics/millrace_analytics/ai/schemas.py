"""Requests and answers of questions in plain language."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from millrace_core.tenants import TENANT_PATTERN

LONGEST_QUESTION = 10_000


class AskRequest(BaseModel):
    """A question in plain language."""

    customer_id: str | None = Field(
        None,
        pattern=TENANT_PATTERN,
        examples=["demo_tenant"],
        description="Whose data is asked about; the default is the tenant of the credential.",
    )
    query: str = Field(
        max_length=LONGEST_QUESTION,
        examples=["Show me the top 10 pages by views today"],
        description="The question. Without a language model it has to be in English.",
    )
    execute: Annotated[bool, Field(description="`false` answers how it is understood and its statement, and asks nothing.")] = (
        True
    )


class Interpretation(BaseModel):
    """How a question was understood."""

    understood: list[str] = Field(description="What parts of the text were taken for.")
    assumptions: list[str] = Field(description="What the text does not say.")
    time_zone: str
    range: list[str] | None = Field(None, description="From and up to, as times; null is all time.")
    plan: dict[str, Any] | None = Field(None, description="The question of the metric layer, where it was one.")


class Cost(BaseModel):
    """What the language model has cost; zeros where none was asked."""

    usd: float
    spent_today_usd: float | None = Field(
        description="Of this tenant today (UTC), this question included; null without a model."
    )
    budget_usd: float | None = Field(description="What a day's questions may cost; null without a model.")
    calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    repairs: int


class InsightFact(BaseModel):
    """A sentence that code computed of the rows, and the numbers in it."""

    text: str
    evidence: dict[str, Any]


class AskAnswer(BaseModel):
    """An answer, or why there is none."""

    success: bool = Field(description="Whether the question was answered.")
    status: Literal["ok", "needs_clarification", "unanswerable"]
    answer_id: str = Field(description="To be named in `POST /ai/feedback`.")
    sql: str = Field(description="What was asked of the warehouse, with values in their places; empty where nothing was.")
    explanation: str
    insights: str
    insight_facts: list[InsightFact] = []
    related_queries: list[str]
    data: list[dict[str, Any]]
    columns: list[str] = []
    units: dict[str, str] = Field({}, description="Of the columns that have one.")
    truncated: bool = False
    execution_time_ms: float
    interpretation: Interpretation
    confidence: float
    source: Literal["verified", "model", "offline"]
    options: list[str] = Field([], description="With `needs_clarification`: questions that each have one reading.")
    reason: str = Field("", description="Why there is no answer.")
    cost: Cost
    warnings: list[str]


class FeedbackRequest(BaseModel):
    """What somebody thinks of an answer."""

    customer_id: str | None = Field(None, pattern=TENANT_PATTERN)
    answer_id: str = Field(pattern=r"^[0-9a-f]{16}$", description="Of the answer.")
    helpful: bool = Field(
        description="`true` keeps the question and what it was read as, for this tenant: it is read so from now on. "
        "`false` forgets it."
    )


class FeedbackAnswer(BaseModel):
    """What became of it."""

    success: bool = True
    verified: bool = Field(description="Whether the question is kept now.")
