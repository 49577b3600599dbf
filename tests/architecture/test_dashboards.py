"""Dashboards: their files are those that the code makes, and every query asks for what there is."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from grafana.boards import BOARDS
from grafana.generate import FOLDER, text_of
from grafana.panels import CLICKHOUSE, PROMETHEUS, Board
from millrace_core.metrics import CATALOGUE
from millrace_core.time import now_ms, warehouse_time
from tests.support.warehouse import OpenWarehouse, event_lines

_ROOT = Path(__file__).parents[2]
_DOCUMENTED = ("Ingestion Overview", "Query Performance", "System Health", "Per-Customer Metrics")
# Of Prometheus itself, and of its client for Python.
_STOCK: Final = frozenset(
    {
        "up",
        "ALERTS",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "python_gc_collections_total",
    }
)
# Of a ClickHouse server alone (its AsynchronousMetrics.cpp): the embedded engine has no such table to look them up in.
_ASYNCHRONOUS: Final = frozenset({"DiskAvailable_default", "MaxPartCountForPartition"})
_WORDS: Final = frozenset(
    {
        *("sum", "max", "min", "avg", "count", "topk", "by", "without", "or", "and"),
        *("rate", "increase", "histogram_quantile", "predict_linear", "sum_over_time", "scalar", "vector", "time"),
    }
)
_ON_PROMETHEUS = [board for board in BOARDS if board.source == PROMETHEUS]


def names_in(text: str) -> set[str]:
    """The metrics of a PromQL text."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without) \([^)]*\)|offset \d+\w', "", text)
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare)) - _WORDS


def _recorded() -> set[str]:
    groups = yaml.safe_load((_ROOT / "prometheus/rules/recording.yml").read_text())["groups"]
    return {rule["record"] for group in groups for rule in group["rules"]}


def _known() -> set[str]:
    known = {metric.name for metric in CATALOGUE} | _STOCK | _recorded()
    known |= {f"{metric.name}_bucket" for metric in CATALOGUE if metric.kind == "histogram"}
    return known | {f"{metric.name}_count" for metric in CATALOGUE if metric.kind == "histogram"}


def _texts() -> list[tuple[str, str]]:
    """Every PromQL text, with where it stands."""
    found = [
        (f"{board.name}: {panel.title}", query.text)
        for board in _ON_PROMETHEUS
        for panel in board.panels
        for query in panel.queries
    ]
    for path in sorted((_ROOT / "prometheus/rules").glob("*.yml")):
        groups = yaml.safe_load(path.read_text())["groups"]
        found += [(path.name, rule["expr"]) for group in groups for rule in group["rules"]]
    return found


def test_the_documented_dashboards_are_there() -> None:
    assert {board.title for board in BOARDS} >= {f"Millrace: {title}" for title in _DOCUMENTED}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_file_of_a_dashboard_is_what_the_code_makes(board: Board) -> None:
    assert (FOLDER / f"{board.name}.json").read_text() == text_of(board), "run `make docs`"


def test_there_is_no_file_of_another_dashboard() -> None:
    assert {path.stem for path in FOLDER.glob("*")} == {board.name for board in BOARDS}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_panel_says_its_unit_and_asks_a_source_that_is_provisioned(board: Board) -> None:
    sources = yaml.safe_load((_ROOT / "grafana/provisioning/datasources/millrace.yml").read_text())["datasources"]
    kinds = {one["uid"]: one["type"] for one in sources}
    panels = [panel for panel in json.loads(text_of(board))["panels"] if panel["type"] != "row"]
    assert len(panels) == len(board.panels) > 5
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == {"type": kinds[board.source], "uid": board.source}, panel["title"]
        assert panel["targets"], panel["title"]
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_dashboard_fits_the_grid(board: Board) -> None:
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in json.loads(text_of(board))["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("board", _ON_PROMETHEUS, ids=lambda board: board.name)
def test_variables_that_queries_use_are_declared_and_used(board: Board) -> None:
    used = {name for panel in board.panels for query in panel.queries for name in re.findall(r"\$(\w+)", query.text)}
    assert used - {"__rate_interval"} == {variable.name for variable in board.variables}
    assert all(names_in(variable.metric) <= _known() for variable in board.variables)


def test_dashboards_and_rules_ask_for_metrics_that_there_are() -> None:
    known = _known()
    for where, text in _texts():
        unknown = {name for name in names_in(text) if not name.startswith("ClickHouse")} - known
        assert not unknown, (where, text)


def test_every_metric_of_the_catalogue_is_on_a_dashboard() -> None:
    asked = {re.sub(r"_(bucket|count)$", "", name) for _, text in _texts() for name in names_in(text)}
    assert {metric.name for metric in CATALOGUE} - asked == set()


async def test_metrics_of_a_clickhouse_server_are_those_of_its_engine(warehouse: OpenWarehouse) -> None:
    asked = {name for _, text in _texts() for name in names_in(text) if name.startswith("ClickHouse")}
    events = "SELECT event FROM system.events SETTINGS system_events_show_zero_values = 1"
    known = {f"ClickHouseProfileEvents_{event}" for (event,) in (await warehouse.connection.query(events)).rows}
    gauges = (await warehouse.connection.query("SELECT metric FROM system.metrics")).rows
    known |= {f"ClickHouseMetrics_{metric}" for (metric,) in gauges}
    assert len(asked) >= 5
    assert asked <= known | {f"ClickHouseAsyncMetrics_{name}" for name in _ASYNCHRONOUS}


async def test_the_engine_answers_what_the_plug_in_asks(warehouse: OpenWarehouse) -> None:
    now = warehouse_time(now_ms() - 60_000)
    await warehouse.writer.insert(event_lines(5, timestamp=now, received_at=now), "events")
    await warehouse.writer.insert_outcomes([_outcome(now)])
    board = next(board for board in BOARDS if board.source == CLICKHOUSE)
    empty = set()
    for panel in board.panels:
        for query in panel.queries:
            text = _without_macros(query.text)
            if "system.query_log" in text:  # which the embedded engine does not keep: it reads the text, at least
                text = f"EXPLAIN AST {text}"
            if not (await warehouse.connection.query(text)).rows:
                empty.add(panel.title)
    assert empty <= {"Merges that run", "Mutations that wait", "Replicas", "Errors"}


def _outcome(at: str) -> bytes:
    row = {"customer_id": "demo", "minute": at[:16] + ":00", "outcome": "rejected", "reason": "invalid_timestamp", "events": 3}
    return json.dumps({**row, "outcome_id": "one", "version": 1, "last_at": at, "_p": 0, "_o": 1, "_i": 0}).encode()


def _without_macros(text: str) -> str:
    """As the plug-in sends it (its docs: macros), over the last hour."""
    text = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 >= now() - 3600 AND \1 <= now()", text)
    text = re.sub(r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(\1, INTERVAL 60 second)", text)
    return text.replace("$__fromTime", "(now() - 3600)")


def test_the_dashboard_of_every_alert_is_there() -> None:
    groups = yaml.safe_load((_ROOT / "prometheus/rules/alerts.yml").read_text())["groups"]
    named = {rule["annotations"]["dashboard"] for group in groups for rule in group["rules"]}
    assert named <= {f"/d/{board.uid}" for board in BOARDS}


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    texts = [text for where, text in _texts() if ":" in where]
    rules = [{"record": f"panel_{number}", "expr": text.replace("$__rate_interval", "1m")} for number, text in enumerate(texts)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
