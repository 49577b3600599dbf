"""Questions next to one that was asked. Each is one that the offline matcher reads."""

from typing import Final

from millrace_analytics.ai.plans import Plan
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.measures import MetricOf
from millrace_warehouse.metrics.questions import Trend

_MOST: Final = 3


def related_to(plan: Plan) -> tuple[str, ...]:
    """Another grain, another breakdown, the time before: at most three."""
    question = plan.question
    if not isinstance(question, Trend):
        return ()
    named = next((one.metric for one in question.measures if isinstance(one, MetricOf)), "events")
    label = METRICS[named].label
    by = {one.name for one in question.by}
    found = []
    if question.granularity is None:
        found.append(f"{label} per day in the last 30 days")
    for name, said in (("country", "country"), ("device", "device"), ("channel", "channel")):
        if name not in by and len(found) < _MOST - 1:
            found.append(f"{label} by {said}")
    if question.compare is None and len(found) < _MOST:
        found.append(f"Compare {label.lower()} this week vs last week")
    return tuple(found[:_MOST])
