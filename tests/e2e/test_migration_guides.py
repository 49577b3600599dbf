"""The guides of docs/migrate, as they stand there: example files are made into events, imported, and stored as if they had come
live."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import plain
from tests.support.code_blocks import ROOT, blocks
from tests.support.guides import run
from tests.support.postgres import DATABASE, PASSWORD, USER, postgres
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_EXAMPLES: Final = ROOT / "docs/migrate/examples"
_COLUMNS: Final = (
    "event_id, client_event_id, event_type, event_name, toString(timestamp) AS at, visitor_id, user_id, session_id, page_url, "
    "page_path, referrer, channel, utm_source, language, properties"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("migration") / "data")
    made.start()
    yield made
    assert made.stop() == 0


def _import(server: Server, page: str, tenant: str, folder: Path) -> None:
    """The commands of a page, in a folder that has its examples and programs."""
    (folder / "docs").symlink_to(ROOT / "docs")
    (block,) = blocks(f"docs/migrate/{page}.md", "bash")
    here = block.replace("--customer shop", f"--customer {tenant} --state {folder}/state").replace("py shop", f"py {tenant}")
    run(server, here, folder)
    server.wait_until_stored()


def _rows(server: Server, tenant: str) -> list[dict[str, Any]]:
    sql = f"SELECT {_COLUMNS} FROM events_raw WHERE customer_id = '{tenant}' ORDER BY timestamp"
    answer = plain.post(
        f"{server.url}/query", json={"customer_id": tenant, "sql": sql}, headers={"Cache-Control": "no-cache"}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return [{**row, "properties": json.loads(row["properties"] or "{}")} for row in answer.json()["data"]]


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_EXAMPLES / name).read_text().splitlines()]


def test_posthogs_history_is_stored_as_what_its_sdks_send_and_counts_once_with_it(server: Server, tmp_path: Path) -> None:
    export = _lines("posthog.jsonl")
    for row in export:
        if isinstance(row["properties"], str):
            row["properties"] = json.loads(row["properties"])
    batch = [{name: row[name] for name in ("uuid", "event", "distinct_id", "properties", "timestamp")} for row in export]
    for tenant in ("posthog_live", "posthog_both"):
        sent = plain.post(f"{server.url}/batch/", json={"api_key": tenant, "batch": batch}, timeout=30)
        assert sent.status_code == 200, sent.text
    server.wait_until_stored()
    _import(server, "posthog", "posthog_both", tmp_path)
    live = _rows(server, "posthog_live")
    assert _rows(server, "posthog_both") == live

    apart = tmp_path / "apart"
    apart.mkdir()
    _import(server, "posthog", "posthog_history", apart)
    assert _rows(server, "posthog_history") == live
    assert [row["event_type"] for row in live] == ["page_view", "identify", "Order Completed", "invoice paid"]
    assert [row["user_id"] for row in live] == ["", "ada", "ada", "ada"]
    assert (live[0]["utm_source"], live[0]["page_path"]) == ("news", "/prices")


def test_segments_history_is_stored_as_what_its_sdks_send_and_counts_once_with_it(server: Server, tmp_path: Path) -> None:
    sent = plain.post(f"{server.url}/v1/batch", json={"batch": _lines("segment.jsonl")}, auth=("segment_both", ""), timeout=30)
    assert sent.status_code == 200, sent.text
    server.wait_until_stored()
    live = _rows(server, "segment_both")
    _import(server, "segment", "segment_both", tmp_path)
    assert _rows(server, "segment_both") == live

    apart = tmp_path / "apart"
    apart.mkdir()
    _import(server, "segment", "segment_history", apart)
    # The ids are made for the tenant, and the script has made them of Segment's already.
    ids = {"event_id": "", "client_event_id": ""}
    assert [{**row, **ids} for row in _rows(server, "segment_history")] == [{**row, **ids} for row in live]
    assert [row["event_type"] for row in live] == ["page_view", "identify", "Order Completed", "group", "alias"]
    assert (live[0]["utm_source"], live[0]["language"], live[0]["event_name"]) == ("news", "de-AT", "Prices")


@pytest.mark.parametrize(
    ("page", "properties"),
    [("umami", {"title": "Checkout", "revenue": 49.5}), ("plausible", {"plan": "pro", "method": "card"})],
)
def test_history_of_web_statistics_is_imported(server: Server, page: str, properties: dict[str, Any], tmp_path: Path) -> None:
    _import(server, page, page, tmp_path)
    view, order = _rows(server, page)
    assert (view["event_type"], view["page_path"], view["channel"]) == ("page_view", "/prices", "campaign")
    assert (view["utm_source"], view["at"]) == ("news", "2025-11-03 09:15:00.000")
    assert (order["event_type"], order["page_path"], order["properties"]) == ("Order Completed", "/checkout", properties)
    assert view["visitor_id"] == order["visitor_id"]
    assert view["session_id"] == order["session_id"]


_PLAUSIBLE: Final = """
CREATE TABLE events_v2 (timestamp DateTime, name String, site_id UInt64, user_id UInt64, session_id UInt64, hostname String,
  pathname String, referrer String, utm_source String, utm_medium String, utm_campaign String, utm_content String,
  utm_term String, `meta.key` Array(String), `meta.value` Array(String)) ENGINE = MergeTree ORDER BY timestamp;
INSERT INTO events_v2 VALUES
  ('2025-11-03 09:15:00', 'pageview', 1, 9223372036854775807, 1234567890123456789, 'shop.example.com', '/prices',
   'duckduckgo.com', 'news', '', '', '', '', [], []),
  ('2025-11-03 09:16:00', 'engagement', 1, 9223372036854775807, 1, 'shop.example.com', '/', '', '', '', '', '', '', [], []),
  ('2025-11-03 09:17:00', 'pageview', 2, 1, 1, 'another.example.com', '/', '', '', '', '', '', '', [], []),
  ('2025-11-03 09:20:00', 'Order Completed', 1, 9223372036854775807, 1234567890123456789, 'shop.example.com', '/checkout', '',
   '', '', '', '', '', ['plan', 'method'], ['pro', 'card']);
"""


def test_the_statement_of_the_guide_to_plausible_makes_the_example_of_its_events() -> None:
    """On the engine that Plausible keeps them in, in a process of its own."""
    (statement,) = blocks("docs/migrate/plausible.md", "sql")
    setup, events = _PLAUSIBLE.split(";\n", 1)
    program = (
        "import sys; from chdb.session import Session; made = Session(); "
        "made.query(sys.argv[1]); made.query(sys.argv[2]); sys.stdout.write(str(made.query(sys.argv[3], 'JSONEachRow')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, setup, events.rstrip(";\n"), statement],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == _lines("plausible.ndjson")


_UMAMI: Final = """
CREATE TABLE website_event (event_id uuid, website_id uuid, session_id uuid, visit_id uuid, created_at timestamptz,
  hostname varchar(100), url_path varchar(500), url_query varchar(500), referrer_path varchar(500),
  referrer_domain varchar(500), page_title varchar(500), event_type integer, event_name varchar(50));
CREATE TABLE event_data (event_data_id uuid, website_event_id uuid, data_key varchar(500), string_value varchar(500),
  number_value numeric(19,4), date_value timestamptz, data_type integer);
INSERT INTO website_event
SELECT ('5b0a4c2e-7d1f-4a53-9c1e-2f6a6b8f000' || number)::uuid, ('00000000-0000-0000-0000-00000000000' || website)::uuid,
  '11111111-2222-5333-8444-555555555555', '66666666-7777-5888-8999-000000000000', at::timestamptz,
  'shop.example.com', path, query, referrer_path, referrer, title, kind, name
FROM (VALUES
  (1, 0, '2025-11-03T10:15:00+01:00', '/prices', 'utm_source=news', '/', 'duckduckgo.com', 'Prices', 1, NULL),
  (2, 0, '2025-11-03T09:20:00Z', '/checkout', '', NULL, '', 'Checkout', 2, 'Order Completed'),
  (3, 1, '2025-11-03T09:20:00Z', '/', '', NULL, '', '', 1, NULL)
) AS given (number, website, at, path, query, referrer_path, referrer, title, kind, name);
INSERT INTO event_data VALUES ('5b0a4c2e-7d1f-4a53-9c1e-2f6a6b8f0009', '5b0a4c2e-7d1f-4a53-9c1e-2f6a6b8f0002', 'revenue',
  '49.5000', 49.5, NULL, 2);
"""


def test_the_statement_of_the_guide_to_umami_makes_the_example_of_its_events(tmp_path: Path) -> None:
    """On the database that Umami keeps them in."""
    (statement,) = blocks("docs/migrate/umami.md", "sql")
    (tmp_path / "export.sql").write_text(statement)
    with postgres() as database:
        asking = ["psql", "-h", "127.0.0.1", "-p", str(database.port), "-U", USER, "-d", DATABASE, "-v", "ON_ERROR_STOP=1"]
        environment = {"PGPASSWORD": PASSWORD, "PATH": "/usr/bin:/bin", "PGTZ": "Europe/Vienna"}
        subprocess.run([*asking, "-q", "-c", _UMAMI], env=environment, check=True, timeout=60, capture_output=True)
        done = subprocess.run(
            [*asking, "--csv", "--file", tmp_path / "export.sql"], env=environment, check=True, timeout=60, capture_output=True
        )

    def read(text: str) -> list[dict[str, Any]]:
        rows = list(csv.DictReader(io.StringIO(text)))
        return [{**row, "properties": json.loads(row["properties"] or "null")} for row in rows]

    assert read(done.stdout.decode()) == read((_EXAMPLES / "umami.csv").read_text())
