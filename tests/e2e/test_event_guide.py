"""The guide to missed events, as it stands there, against a real server."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from millrace_analytics.families.ingest.schemas import ReportCounts, Status
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_GUIDE = (Path(__file__).parents[2] / "docs/guides/where-is-my-event.md").read_text()
_BLOCKS = re.findall(r"```bash\n(.*?)```", _GUIDE, re.DOTALL)
_STATUSES = re.findall(r"^\| `(\w+)` \| .*\| .*\|$", _GUIDE, re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("event_guide") / "data")
    made.start()
    yield made
    assert made.stop() == 0


def _run(server: Server, beginning: str) -> list[Any]:
    """What the commands of the one block answer that begins so."""
    (block,) = [block for block in _BLOCKS if block.startswith(beginning)]
    text = block.replace("http://localhost:8080", server.url).replace("curl ", "curl -sS ")
    done = subprocess.run(["bash", "-ec", text], capture_output=True, timeout=30, check=False, text=True)
    decoder, found, rest = json.JSONDecoder(), [], done.stdout.strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        found.append(answer)
        rest = rest[end:].strip()
    assert found, done.stderr
    return found


def _until(server: Server, beginning: str, enough: Any) -> Any:
    deadline = time.monotonic() + 60
    while not enough(answer := _run(server, beginning)[0]):
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer


def test_the_walk_of_the_guide_finds_what_it_says(server: Server) -> None:
    [tried] = _run(server, "curl -X POST 'http://localhost:8080/track?dry_run=1'")
    assert (tried["would_answer"], tried["rows"][0]["row"]["client_event_id"]) == (200, "order-1")
    assert [one["code"] for one in tried["warnings"]] == ["sent_at_ignored"]

    (block,) = [block for block in _BLOCKS if "/ingest/live/" in block]
    command = [*block.strip().replace("http://localhost:8080", server.url).split(), "--max-time", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("retry: ")
        first, second, refused = _run(server, "curl -X POST http://localhost:8080/track -d")
        told: list[dict[str, Any]] = []
        while len({one["outcome"] for one in told}) < 3:
            line = watching.stdout.readline()
            assert line, "the stream has ended"
            told += json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else []
        watching.terminate()
    assert (first["success"], second["success"], refused["code"]) == (True, True, "invalid_timestamp")
    assert {one["outcome"] for one in told} == {"accepted", "duplicate", "rejected"}

    found = _until(
        server, "curl 'http://localhost:8080/events/order-1", lambda answer: answer.get("duplicates", {}).get("times")
    )
    assert (found["status"], found["duplicates"]["times"]) == ("stored", 1)
    missed = _until(server, "curl 'http://localhost:8080/events/order-2", lambda answer: "status" in answer)
    assert (missed["status"], missed["reason"]) == ("rejected", "invalid_timestamp")
    report = _run(server, "curl 'http://localhost:8080/ingest/report")[0]["totals"]
    assert (report["received"], report["accepted"], report["duplicate"]) == (3, 1, 1)
    assert report["rejected"] == {"invalid_timestamp": 1}
    [asked] = _run(server, "curl http://localhost:8080/query")
    assert asked["data"] == [
        {"outcome": "duplicate", "reason": "", "events": 1},
        {"outcome": "rejected", "reason": "invalid_timestamp", "events": 1},
    ]


def test_the_guide_explains_each_status() -> None:
    assert set(get_args(Status)) <= set(_STATUSES)
    assert set(ReportCounts.model_fields) <= set(re.findall(r"^\| `(\w+)` \|", _GUIDE, re.MULTILINE))
