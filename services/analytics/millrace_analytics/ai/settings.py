"""Settings of questions in plain language."""

from typing import Final

from pydantic import AliasChoices, Field, SecretStr

from millrace_service.settings import Settings

_CURRENT: Final = "claude-sonnet-5-5"
_SMALL: Final = "claude-haiku-5-5"


class AiSettings(Settings):
    """Plain language."""

    anthropic_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("anthropic_api_key", "MILLRACE_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"),
        description="Key for Claude; `ANTHROPIC_API_KEY` is read, too. Nothing else switches it on: without a key questions "
        "are read by the offline matcher alone, and nothing leaves the process.",
    )
    anthropic_base_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+",
        description="Where Claude is asked, for a proxy of one's own. Without it at Anthropic.",
        examples=["https://claude-proxy.example.com"],
    )
    ai_model: str = Field(_CURRENT, min_length=1, max_length=100, description="Model that reads questions.")
    ai_text_model: str = Field(_SMALL, min_length=1, max_length=100, description="Model that words the insights.")
    ai_seconds: float = Field(30.0, gt=0, le=300, description="How long Claude may take for one call, retries included.")
    ai_retries: int = Field(2, ge=0, le=10, description="How often a call that failed is made again.")
    ai_budget_usd: float = Field(
        5.0,
        ge=0,
        description="What a tenant's questions may cost a day (UTC); beyond it the offline matcher answers. Answers show what "
        "was spent. 0 asks Claude nothing.",
    )
    ai_input_usd: float = Field(
        3.0, ge=0, description="Price of a million input tokens of `MILLRACE_AI_MODEL`, to be set to what your contract says."
    )
    ai_output_usd: float = Field(15.0, ge=0, description="Likewise of output tokens.")
    ai_text_input_usd: float = Field(1.0, ge=0, description="Likewise of input tokens of `MILLRACE_AI_TEXT_MODEL`.")
    ai_text_output_usd: float = Field(5.0, ge=0, description="Likewise of its output tokens.")
    ai_questions_an_hour: int | None = Field(
        None,
        ge=0,
        description="How many questions in plain language a tenant may ask an hour (`POST /ai/query`); 0 is no limit. Without "
        "it 100 where `MILLRACE_AUTH=required`, else no limit.",
    )
    ai_vocabulary_seconds: float = Field(
        300.0, gt=0, le=86_400, description="How long names of events, properties and values are remembered between questions."
    )
