"""The commands of the README, as they stand there, against a real server."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support import plain
from tests.support.server import Server

_README = Path(__file__).parents[2] / "README.md"
_BLOCKS = re.findall(r"```bash\n(.*?)```", _README.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("readme") / "data")
    made.start()
    yield made
    assert made.stop() == 0


def _run(server: Server, block: str) -> Any:
    done = subprocess.run(
        ["bash", "-ec", block.replace("http://localhost:8080", server.url)], capture_output=True, timeout=30, check=True
    )
    return msgspec.json.decode(done.stdout)


def _block(beginning: str) -> str:
    (found,) = [block for block in _BLOCKS if block.startswith(beginning)]
    return str(found)


def test_the_first_event_is_found_by_the_first_question_and_on_the_dashboard(server: Server) -> None:
    accepted = _run(server, _block("curl -X POST http://localhost:8080/track "))
    assert (accepted["success"], accepted["durable"], accepted["errors"]) == (True, "log", [])
    server.wait_until_stored()

    answer = _run(server, _block("curl http://localhost:8080/query "))
    assert answer["data"] == [{"event_type": "page_view", "events": 1}]

    found = _run(server, _block("curl 'http://localhost:8080/events/"))
    assert (found["status"], found["event_type"]) == ("stored", "page_view")

    dashboard, stream = _block("curl http://localhost:8080/dashboard").splitlines()
    assert sum(minute["event_count"] for minute in _run(server, dashboard)["events_timeline"]) == 1
    assert stream == "curl -N http://localhost:8080/events/stream/demo_tenant"


def test_what_it_says_about_pages_of_the_server_is_there(server: Server) -> None:
    assert "/track/batch" in plain.get(f"{server.url}/openapi.json").json()["paths"]
    assert plain.get(f"{server.url}/docs").status_code == 200
    assert "events_received_total" in plain.get(f"{server.url}/metrics").text


def test_every_folder_that_it_names_is_there() -> None:
    house = re.search(r"```\n(libs/core.*?)```", _README.read_text(), re.DOTALL)
    assert house is not None
    for line in house[1].splitlines():
        assert (_README.parent / line.split()[0]).is_dir(), line
