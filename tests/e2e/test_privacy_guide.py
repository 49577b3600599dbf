"""The guide to privacy, as it stands there, against a real server; and addresses, which no file of it has whole."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import plain
from tests.support.commands import millrace
from tests.support.guides import run
from tests.support.server import Server
from tests.unit.test_ingestion_privacy_signals import PROTOCOLS
from tests.unit.test_ingestion_whole_addresses import ADDRESSED

pytestmark = pytest.mark.minutes

_GUIDE = (Path(__file__).parents[2] / "docs/guides/privacy.md").read_text()
_BLOCKS = re.findall(r"```bash\n(.*?)```", _GUIDE, re.DOTALL)
_ADDRESS = "203.0.113.77"


@pytest.fixture(scope="module")
def calm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("calm") / "data")
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data", {"MILLRACE_TRUSTED_PROXIES": '["127.0.0.0/8"]'})
    made.start()
    yield made
    if made.running:
        assert made.stop() == 0


def _rows(server: Server, columns: str) -> list[list[Any]]:
    server.wait_until_stored()
    sql = f"SELECT {columns} FROM events_raw WHERE customer_id = 'shop'"
    answer = plain.post(
        f"{server.url}/query", json={"customer_id": "shop", "sql": sql}, headers={"Cache-Control": "no-cache"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return sorted(list(row.values()) for row in answer.json()["data"])


def test_the_walk_of_the_guide(server: Server) -> None:
    settings, named, unnamed, retention, export, erase = _BLOCKS
    said = run(server, settings)
    assert "never stored: properties.email, query.token" in said
    assert "stored as hashes: properties.card, user_id" in said
    _until_followed(server)
    assert json.loads(run(server, named))["events_accepted"] == 1
    assert json.loads(run(server, unnamed))["events_accepted"] == 1
    ((kind, user, url, properties), (other, visitor, _, page)) = _rows(
        server, "event_type, concat(user_id, visitor_id), page_url, properties"
    )
    assert (kind, other, visitor) == ("identify", "page_view", "")
    assert re.fullmatch(r"[0-9a-f]{64}laptop", user)
    assert url == "https://shop.example.com/?utm_source=news"
    assert re.fullmatch(r'{"card":"[0-9a-f]{64}","plan":"pro"}', properties)
    assert json.loads(page) == {"page": "/prices"}
    assert "kept by type: page_view 90 days, purchase 730 days" in run(server, retention)

    rows = [json.loads(line) for line in run(server, export).splitlines()]
    assert [row["table"] for row in rows] == ["events_raw", "identity_links"]
    assert rows[0]["row"]["visitor_id"] == "laptop"
    look, do = erase.splitlines()
    assert "1 of events_raw, 1 of identity_links, 0 of dead_letters" in run(server, look)
    assert _rows(server, "count()") == [[2]]
    said = run(server, do)
    assert "Left: 0 of events_raw, 0 of identity_links, 0 of dead_letters, by" in said
    assert "SELECT 'events_raw' AS table" in said
    assert "The log has forgotten them." in said
    assert _rows(server, "event_type") == [["page_view"]]
    assert run(server, export) == ""
    assert re.search(
        r"^ +\d+ .* server .* shop .* erased .* 1 of events_raw", run(server, "millrace privacy erasures"), re.MULTILINE
    )
    told = run(server, "millrace changes --tenant shop")
    assert "erasure_begun" in told
    assert "ada" not in told.replace("made", "")


def _until_followed(server: Server) -> None:
    """Return when ingestion has heard of the settings, which a probe of its own shows."""
    for _ in range(200):
        event = {"customer_id": "shop", "visitor_id": "probe", "event_type": "x", "properties": {"email": "probe"}}
        answer = plain.post(f"{server.url}/track", json=event, headers={"dnt": "0"}, timeout=10)
        assert answer.status_code == 200
        server.wait_until_stored()
        if _rows(server, "countIf(NOT JSONHas(properties, 'email'))") != [[0]]:
            break
    done = millrace("privacy", "erase", "shop", "--visitor", "probe", "--yes", "--data-dir", server.data_dir)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "shop"), "name a person by --user or by --visitor"),
        (("erase", "shop", "--user", "a", "--visitor", "b", "--yes"), "name a person by --user or by --visitor"),
        (("erase", "shop", "--user", "a"), "nobody can be asked here"),
        (("erase", "no tenant", "--user", "a", "--yes"), "tenant"),
    ],
)
def test_a_wrong_command_says_what_is_wrong_and_erases_nothing(
    calm_server: Server, arguments: tuple[str, ...], said: str
) -> None:
    done = millrace("privacy", *arguments, "--data-dir", calm_server.data_dir)
    assert done.code == 2
    assert said in done.err
    assert "Nobody was erased yet." in millrace("privacy", "erasures", "--data-dir", calm_server.data_dir).out


def test_nobodys_erasure_is_complete(calm_server: Server, tmp_path: Path) -> None:
    done = millrace("privacy", "erase", "shop", "--user", "nobody", "--yes", "--json", "--data-dir", calm_server.data_dir)
    assert done.code == 0, done.err
    assert set(json.loads(done.out)["remaining"].values()) == {0}
    out = tmp_path / "export.jsonl"
    assert millrace("privacy", "export", "shop", "--user", "nobody", "--out", out, "--data-dir", calm_server.data_dir).code == 0
    assert out.read_bytes() == b""


def test_of_somebody_who_is_erased_three_times_at_once_each_row_is_counted_once(calm_server: Server) -> None:
    events = [{"customer_id": "shop", "visitor_id": "thrice", "event_type": "x", "properties": {"n": n}} for n in range(100)]
    plain.post(f"{calm_server.url}/track/batch", json={"events": events}, timeout=30).raise_for_status()
    calm_server.wait_until_stored()
    token = json.loads((calm_server.data_dir / "server.json").read_text())["token"]
    admin, headers = f"{calm_server.url}/admin/v1/privacy", {"authorization": f"Bearer {token}"}

    def erase(_: int) -> dict[str, Any]:
        body = {"tenant": "shop", "visitor_id": "thrice"}
        answer = plain.post(f"{admin}/erase", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(erase, range(3)))
    listed = {one["id"]: one for one in plain.get(f"{admin}/erasures", headers=headers, timeout=30).json()}
    assert sorted(one["rows"]["events_raw"] for one in told) == [0, 0, 100]
    assert all(one["complete"] and listed[one["erasure"]]["rows"] == one["rows"] for one in told)


def test_no_file_of_the_server_holds_a_whole_address(server: Server) -> None:
    headers = {
        "x-forwarded-for": _ADDRESS,
        "x-real-ip": _ADDRESS,
        "origin": "https://shop.example.com",
        "user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0 Safari/537.36",
    }
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        for protocol, (path, _) in PROTOCOLS.items():
            content_type = "application/cloudevents+json" if protocol == "cloudevents" else "application/json"
            for body in (json.dumps(ADDRESSED[protocol]), "{", f'{{"ip":"{_ADDRESS}'):
                client.post(path, content=body, headers={"content-type": content_type})
        event = {
            "customer_id": "demo",
            "visitor_id": "v",
            "event_type": "x",
            "properties": {"ip": _ADDRESS},
            "context": {"ip": _ADDRESS},
        }
        assert client.post("/track", json=event).status_code == 200
        client.post("/track", json={**event, "timestamp": "never"})
        client.post("/auth/v1/login", json={"email": "a@example.com", "password": "wrong"})
        client.get("/nothing")
    server.wait_until_stored()
    assert server.stop() == 0
    marked = [path for path in server.data_dir.rglob("*") if path.is_file() and _ADDRESS.encode() in path.read_bytes()]
    assert marked == []
    assert any(b"203.0.113.0" in path.read_bytes() for path in server.data_dir.rglob("*") if path.is_file())
    assert _ADDRESS not in server.log.read_text()
