"""An answer as the route gives it."""

from millrace_analytics.ai.asking import Told
from millrace_analytics.ai.ports import Planned
from millrace_analytics.ai.schemas import AskAnswer, Cost, InsightFact, Interpretation
from millrace_analytics.asking.values import to_json


def answer_of(told: Told, answer_id: str, time_zone: str, spent: float | None, budget: float | None) -> AskAnswer:
    """The documented fields and what stands beside them.

    Args:
        spent: US dollars of this tenant's day; None where no model is.
    """
    result, usage = told.result, told.usage
    plan = told.reading.plan if isinstance(told.reading, Planned) else None
    return AskAnswer(
        success=told.status == "ok",
        status=told.status,
        answer_id=answer_id,
        sql=told.sql if told.status == "ok" else "",
        explanation=told.explanation or told.reason,
        insights=told.insights,
        insight_facts=[InsightFact(text=one.text, evidence=to_json(one.evidence)) for one in told.facts],
        related_queries=list(told.related),
        data=[to_json(row) for row in result.dicts()] if result is not None else [],
        columns=result.names if result is not None else [],
        units={one.name: one.unit for one in result.columns if one.unit} if result is not None else {},
        truncated=result is not None and result.truncated,
        execution_time_ms=round(told.seconds * 1000, 2),
        interpretation=Interpretation(
            understood=list(told.understood),
            assumptions=list(told.assumptions),
            time_zone=time_zone,
            range=list(result.range) if result is not None and result.range is not None else None,
            plan=plan.model_dump(mode="json", exclude_none=True, by_alias=True) if plan is not None else None,
        ),
        confidence=told.confidence,
        source=told.source,
        options=list(told.options),
        reason=told.reason,
        cost=Cost(
            usd=usage.micro_usd / 1e6,
            spent_today_usd=spent,
            budget_usd=budget,
            calls=usage.calls,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            repairs=told.repairs,
        ),
        warnings=list(told.warnings),
    )
