"""What a widget asks, as a question of the metric layer."""

from typing import Final

from millrace_analytics.families.commerce.asking import events_of
from millrace_analytics.families.dashboards.widgets import Config, Period, WidgetType
from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.catalogue import DIMENSIONS, METRICS
from millrace_warehouse.metrics.measures import MetricOf
from millrace_warehouse.metrics.parts import FieldName
from millrace_warehouse.metrics.questions import Question, Trend
from millrace_warehouse.metrics.ranges import Last, Range

_TOP: Final = 8
_USUAL: Final = Last(last=30, unit="day", align="to_date")
_CALENDAR: Final[dict[Period, Last]] = {
    "today": Last(last=1, unit="day", align="to_date"),
    "yesterday": Last(last=1, unit="day", align="complete"),
}


def question_of(config: Config, kind: WidgetType) -> Question | None:
    """The question; None where it is a statement, or words.

    Raises:
        InvalidInput: ``unknown_metric``.
    """
    if config.metric is None:
        return config.question
    by = (_field(config.by),) if config.by is not None else ()
    granularity = config.granularity
    if granularity is None and not by and kind == "chart" and config.chart_type in ("auto", "line"):
        granularity = "day"
    measure = MetricOf(measure="metric", metric=metric_named(config.metric))
    return Trend(
        kind="trend",
        measures=(measure,),
        by=by,
        where=events_of(measure) if by else None,
        range=_range(config),
        granularity=granularity,
        top=_TOP if by else None,
        other=False,
        compare="previous_period" if kind == "metric" else None,
    )


def metric_named(text: str) -> str:
    """The catalogue's metric of a name, or of another word for it (``active_users``).

    Raises:
        InvalidInput: ``unknown_metric``.
    """
    if text in METRICS:
        return text
    words = text.lower().replace("_", " ")
    for name, metric in METRICS.items():
        if {words, words.removesuffix("s")} & {one.removesuffix("s") for one in metric.synonyms}:
            return name
    raise InvalidInput(f"there is no metric {text[:64]}", code="unknown_metric")


def _field(name: str) -> FieldName:
    return FieldName(name=name if name in DIMENSIONS or name.startswith("properties.") else f"properties.{name}")


def _range(config: Config) -> Range:
    if config.range is not None:
        return config.range
    match config.period:
        case None:
            return _USUAL
        case "today" | "yesterday":
            return _CALENDAR[config.period]
        case unit:
            return Last(last=1, unit=unit)
