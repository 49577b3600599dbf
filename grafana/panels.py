"""Panels and dashboards as we describe them, and how Grafana wants them (its own models, grafana-foundation-sdk)."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from grafana_foundation_sdk.builders import barchart, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

PROMETHEUS: Final = "millrace-prometheus"
CLICKHOUSE: Final = "millrace-clickhouse"
PLUG_IN: Final = "grafana-clickhouse-datasource"

Needs = Literal["Kafka", "Redis", "a ClickHouse server", "Claude"]
"""What a panel says nothing without."""
Kind = Literal["lines", "areas", "number", "table", "bars"]

# Red from the first one on.
_NONE_ALLOWED: Final = ((None, "green"), (1.0, "red"))


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: PromQL, or SQL where the panel is of ClickHouse. An empty legend names every label."""

    text: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel."""

    title: str
    unit: str
    """Of Grafana: ``short``, ``s``, ``bytes``, ``percentunit``, ``ops``, ``reqps`` and so on."""
    queries: tuple[Query, ...]
    about: str = ""
    kind: Kind = "lines"
    needs: Needs | None = None
    width: int = 8
    height: int = 7
    steps: tuple[tuple[float | None, str], ...] = ()
    """From which value on a number has which colour."""
    decimals: int | None = None

    @property
    def description(self) -> str:
        """What stands behind its title."""
        return " ".join(part for part in (self.about, f"Only with {self.needs}." if self.needs else "") if part)


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the head of the dashboard: values of a label."""

    name: str
    label: str
    metric: str
    takes_all: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    source: str = PROMETHEUS
    span: str = "now-1h"
    refresh: str = "15s"
    panels: Sequence[Panel] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "panels", tuple(panel for row in self.rows for panel in row.panels))

    @property
    def uid(self) -> str:
        """What links name it by."""
        return f"millrace-{self.name}"


def lines(title: str, unit: str, *queries: tuple[str, str], **more: Any) -> Panel:
    """Lines over time; each query with its legend."""
    return Panel(title, unit, tuple(Query(*query) for query in queries), **more)


def quantiles(metric: str, *of: float, by: str = "") -> tuple[tuple[str, str], ...]:
    """For :func:`lines`: these quantiles of a histogram, over all series that ``by`` selects."""
    rate = f"sum by (le) (rate({metric}_bucket{by}[$__rate_interval]))"
    return tuple((f"histogram_quantile({each}, {rate})", f"p{each * 100:g}") for each in of)


def number(title: str, unit: str, text: str, **more: Any) -> Panel:
    """One number, as it is now."""
    return Panel(title, unit, (Query(text),), kind="number", **{"width": 3, "height": 4, **more})


def must_be_none(title: str, text: str, **more: Any) -> Panel:
    """A number that is red where it is not 0."""
    return number(title, "short", text, steps=_NONE_ALLOWED, **more)


def build(board: Board) -> models.Dashboard:
    """As Grafana wants it."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["millrace"])
        .timezone("browser")
        .readonly()
        .refresh(board.refresh)
        .time(board.span, "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Millrace")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["millrace"])
            .keep_time(keep_time=True)
            .as_dropdown(as_dropdown=True)
        )
    )
    if board.source == PROMETHEUS:
        made = made.annotation(
            dashboard.AnnotationQuery()
            .name("Alerts that fire")
            .datasource(_source(PROMETHEUS))
            .enable(enable=True)
            .icon_color("red")
            .expr('ALERTS{alertstate="firing"}')
        )
    for variable in board.variables:
        made = made.with_variable(_variable(variable))
    numbers = itertools.count(1)  # of panels, for links to one of them
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            made = made.with_panel(_panel(panel, board.source, next(numbers)))
    return made.build()


def _source(uid: str) -> models.DataSourceRef:
    return models.DataSourceRef(type_val="prometheus" if uid == PROMETHEUS else PLUG_IN, uid=uid)


def _variable(variable: Variable) -> dashboard.QueryVariable:
    asked = f"label_values({variable.metric}, {variable.name})"
    made = (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_source(PROMETHEUS))
        .query({"query": asked, "refId": "A"})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    return made.include_all(include_all=True).multi(multi=True).all_value(".*") if variable.takes_all else made


def _panel(panel: Panel, source: str, number: int) -> Builder[models.Panel]:
    made: Any
    match panel.kind:
        case "number":
            made = (
                stat.Panel()
                .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
                .graph_mode(common_models.BigValueGraphMode.AREA)
            )
        case "table":
            made = table.Panel()
        case "bars":
            made = barchart.Panel()
        case "lines" | "areas":
            made = (
                timeseries.Panel()
                .min(0)
                .fill_opacity(60 if panel.kind == "areas" else 8)
                .show_points(common_models.VisibilityMode.NEVER)
            )
            if panel.kind == "areas":
                made = made.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    made = made.id(number).title(panel.title).description(panel.description).datasource(_source(source)).unit(panel.unit)
    made = made.span(panel.width).height(panel.height)
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    if panel.steps:
        steps = [models.Threshold(value=value, color=color) for value, color in panel.steps]
        made = made.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        made = made.with_target(_target(letter, query, panel, source))
    built: Builder[models.Panel] = made
    return built


def _target(letter: str, query: Query, panel: Panel, source: str) -> Builder[variants.Dataquery]:
    if source == CLICKHOUSE:
        return _Sql(letter, query.text, is_table=panel.kind != "lines")
    made = prometheus.Dataquery().ref_id(letter).expr(query.text).legend_format(query.legend or "__auto")
    if panel.kind in {"table", "bars"}:
        made = made.instant().format(prometheus_models.PromQueryFormat.TABLE)
    return made


class _Sql(Builder[variants.Dataquery]):
    """A query of the ClickHouse plug-in, of which the SDK has no model (its docs: query editor, ``rawSql``)."""

    def __init__(self, letter: str, text: str, *, is_table: bool) -> None:
        self._made = _SqlQuery(letter, text, is_table=is_table)

    def build(self) -> variants.Dataquery:
        """The query."""
        return self._made


class _SqlQuery(variants.Dataquery):
    def __init__(self, letter: str, text: str, *, is_table: bool) -> None:
        self._said: dict[str, object] = {
            "refId": letter,
            "datasource": {"type": PLUG_IN, "uid": CLICKHOUSE},
            "editorType": "sql",
            "rawSql": text,
            "queryType": "table" if is_table else "timeseries",
            "format": 1 if is_table else 0,
        }

    def to_json(self) -> dict[str, object]:
        return self._said
