"""Every panel shows something: a real Prometheus scrapes the platform under a small load and is asked what panels ask."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grafana.boards import BOARDS
from grafana.panels import PROMETHEUS, Board
from tests.support import plain
from tests.support.prometheus import Prometheus, prometheus_on
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_TENANT = "shop"
_ASKED = f"SELECT count() FROM events_raw WHERE customer_id = '{_TENANT}'"
_ON_PROMETHEUS = [board for board in BOARDS if board.source == PROMETHEUS]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("panels") / "data")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def prometheus(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("panels") / "prometheus"
    with prometheus_on(folder, {"standalone": server.url.removeprefix("http://")}) as running:
        yield running


@pytest.fixture(scope="module")
def load(server: Server) -> Callable[[], None]:
    """A little of everything that is counted."""
    numbers = itertools.count()

    def send() -> None:
        number = next(numbers)
        event = {"customer_id": _TENANT, "visitor_id": f"v{number}", "event_type": "page_view", "event_id": f"e{number // 2}"}
        _post(server, 200, "/track", event)
        _post(server, 200, "/track/batch", {"events": [{**event, "event_type": ""}, {**event, "timestamp": "never"}]})
        _post(server, 200, "/query", {"customer_id": _TENANT, "sql": _ASKED})
        _post(server, 400, "/query", {"customer_id": _TENANT, "sql": f"{_ASKED} AND nothing"})
        _post(server, 200, "/ai/query", {"customer_id": _TENANT, "query": "How many page views today?"})

    return send


def _post(server: Server, expected: int, path: str, body: dict[str, Any]) -> None:
    answer = plain.post(server.url + path, json=body, timeout=30)
    assert answer.status_code == expected, (path, answer.text)


def _as_sent(text: str) -> str:
    """With what Grafana puts in place of its variables; a window that has samples at this rate of scrapes."""
    return text.replace("$__rate_interval", "10s").replace("$service", "standalone").replace("$customer_id", _TENANT)


@pytest.mark.parametrize("board", _ON_PROMETHEUS, ids=lambda board: board.name)
def test_every_panel_shows_something(board: Board, prometheus: Prometheus, load: Callable[[], None]) -> None:
    waiting = {(panel.title, _as_sent(query.text)) for panel in board.panels for query in panel.queries if panel.needs is None}
    assert len(waiting) > 5

    def all_answered() -> bool:
        load()
        waiting.difference_update([one for one in waiting if _has_numbers(prometheus, one[1])])
        return not waiting

    try:
        prometheus.wait_until(all_answered, "every panel has something to show")
    except AssertionError:
        pytest.fail(f"empty: {sorted(waiting)}")


def _has_numbers(prometheus: Prometheus, text: str) -> bool:
    return any(one["value"][1] != "NaN" for one in prometheus.ask(text))


@pytest.mark.parametrize("board", _ON_PROMETHEUS, ids=lambda board: board.name)
def test_what_needs_a_neighbour_is_taken_by_prometheus(board: Board, prometheus: Prometheus) -> None:
    for panel in board.panels:
        for query in panel.queries:
            prometheus.ask(_as_sent(query.text))


def test_every_variable_has_choices(prometheus: Prometheus, load: Callable[[], None]) -> None:
    for variable in [variable for board in _ON_PROMETHEUS for variable in board.variables]:

        def has_choices(name: str = variable.name, metric: str = variable.metric) -> bool:
            load()
            return any(name in one["metric"] for one in prometheus.ask(metric))

        prometheus.wait_until(has_choices, f"values of {variable.name}")


def test_no_rule_fails_to_be_evaluated(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        groups = plain.get(f"{prometheus.url}/api/v1/rules", timeout=20).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    prometheus.wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()), "every rule was evaluated")
    assert {rule["name"]: rule["lastError"] for rule in rules() if rule["health"] != "ok"} == {}
