"""Somebody who was erased does not come back: not by a replay, not by the look after a crash of the machine, not from the log's
file; whatever ends the process in the middle, the next start finishes it."""

import asyncio
import json
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from millrace_consumer.privacy.tombstones import USER, VISITOR, Tombstones
from millrace_core.events import Arrival, Event, Visit, line_of, part_of_line
from millrace_core.ids import new_id
from millrace_core.privacy import digest_of
from millrace_core.time import now_ms, warehouse_time
from millrace_eventlog.records import LogRecord
from millrace_records.ports import Erasure
from tests.support import figures, plain
from tests.support.checker import stored_in
from tests.support.commands import millrace
from tests.support.old_files import without_old_parts
from tests.support.pipeline import life
from tests.support.server import Server
from tests.support.warehouse import OpenWarehouse

_SALT = "5a17"
_STEPS = (
    "erasure.after-begin",
    "erasure.after-note",
    "erasure.after-delete",
    "erasure.after-rebuild",
    "erasure.after-letters",
    "erasure.after-forget",
)

pytestmark = [pytest.mark.faults, pytest.mark.minutes]


def _record(visitor: str, user: str = "", *, received_at: int | None = None) -> LogRecord:
    at = now_ms() if received_at is None else received_at
    made = Event(new_id(at), "demo", "page_view", warehouse_time(at), visitor, user)
    line = line_of(made, part_of_line(Visit(page_path="/")), part_of_line(Arrival(warehouse_time(at), "native")))
    return LogRecord("demo", made.event_id, at, "native", "", line)


def _erasure(*, before: int, users: tuple[str, ...] = (), visitors: tuple[str, ...] = (), salt: str = _SALT) -> Erasure:
    digests = [USER + digest_of(salt, name) for name in users] + [VISITOR + digest_of(salt, name) for name in visitors]
    return Erasure("demo", salt, tuple(digests), before, "test", before)


@pytest.mark.parametrize(
    ("visitor", "user", "hidden"),
    [
        ("laptop", "", True),
        ("", "ada", True),
        ("laptop", "ada", True),
        ("laptop", "bob", False),
        ("phone", "", False),
        ("kiosk", "bob", True),
    ],
)
def test_who_is_hidden_is_who_was_erased(visitor: str, user: str, hidden: bool) -> None:
    tombstones, now = Tombstones(), now_ms()
    tombstones.add([_erasure(before=now - 500, users=("x",), salt="other")])
    tombstones.add([_erasure(before=now, users=("ada", "laptop"), visitors=("kiosk",))])
    assert tombstones.hides(_record(visitor, user, received_at=now - 1)) is hidden
    assert not tombstones.hides(_record(visitor, user, received_at=now))


async def _visitors(warehouse: OpenWarehouse) -> list[Any]:
    rows = (
        await warehouse.connection.query("SELECT visitor_id, count() FROM events_raw GROUP BY visitor_id ORDER BY visitor_id")
    ).rows
    return list(rows)


@pytest.mark.parametrize("step", ["consumer.after-intent", "consumer.after-insert"])
async def test_a_replayed_batch_is_stored_without_them(tmp_path: Path, warehouse: OpenWarehouse, step: str) -> None:
    async with life(tmp_path, warehouse, dies_at=step) as first:
        await first.log.writer.append([_record("ada"), _record("bob")])
        async with asyncio.timeout(30):
            await first.died.wait()
    await warehouse.connection.command("ALTER TABLE events_raw DELETE WHERE visitor_id = 'ada' SETTINGS mutations_sync = 2")
    tombstones = Tombstones()
    tombstones.add([_erasure(before=now_ms() + 1, users=("ada",))])
    async with life(tmp_path, warehouse, tombstones=tombstones) as second:
        await second.log.writer.append([_record("ada", received_at=now_ms() + 60_000), _record("carl")])
        await second.until_stored()
        assert second.sample("millrace_consumer_erased_events_total") >= 1
    assert await _visitors(warehouse) == [("ada", 1), ("bob", 1), ("carl", 1)], "what came later stays"


async def test_the_look_after_a_crash_of_the_machine_does_not_bring_them_back(tmp_path: Path, warehouse: OpenWarehouse) -> None:
    async with life(tmp_path, warehouse) as first:
        await first.log.writer.append([_record("ada"), _record("bob")])
        await first.until_stored()
    await warehouse.connection.command("ALTER TABLE events_raw DELETE WHERE 1 SETTINGS mutations_sync = 2")
    _pretend_reboot(tmp_path)
    tombstones = Tombstones()
    tombstones.add([_erasure(before=now_ms() + 1, users=("ada",))])
    async with life(tmp_path, warehouse, tombstones=tombstones) as second:
        await second.log.writer.append([_record("carl")])
        await second.until_stored()
    assert await _visitors(warehouse) == [("bob", 1), ("carl", 1)]


def _pretend_reboot(folder: Path) -> None:
    with sqlite3.connect(folder / "log.db") as connection:
        connection.execute("UPDATE meta SET value = 'another boot' WHERE name = 'boot_id'")
        connection.execute("UPDATE meta SET value = '0' WHERE name = 'clean'")


class _Shop:
    """A server with two people's events."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder / "data", {"MILLRACE_CONSUMER_FLUSH_SECONDS": "0.05", "MILLRACE_LOG_LEVEL": "info"})
        self.mark = f"MARK{uuid.uuid4().hex}"

    def fill(self) -> None:
        def event(visitor: str, **more: Any) -> dict[str, Any]:
            return {"customer_id": "shop", "visitor_id": visitor, "event_type": "page_view", **more}

        events = [
            *(event(self.mark, properties={"page": f"/{self.mark}", "n": n}) for n in range(20)),
            event(self.mark, event_type="identify", user_id=f"{self.mark}-user"),
            event(f"{self.mark}-phone", user_id=f"{self.mark}-user"),
            *(event("bob") for _ in range(5)),
        ]
        answer = plain.post(f"{self.server.url}/track/batch", json={"events": events}, timeout=30)
        assert answer.json()["events_accepted"] == len(events)
        self.server.wait_until_stored()

    def ask(self, sql: str) -> list[Any]:
        answer = plain.post(
            f"{self.server.url}/query",
            json={"customer_id": "shop", "sql": sql},
            headers={"Cache-Control": "no-cache"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return [list(row.values()) for row in answer.json()["data"]]

    def erase(self) -> Any:
        arguments = ("privacy", "erase", "shop", "--user", f"{self.mark}-user", "--yes", "--json")
        return millrace(*arguments, "--data-dir", self.server.data_dir)

    def files_with_mark(self) -> list[Path]:
        folder, mark = self.server.data_dir.resolve(), self.mark.encode()
        return sorted(path for path in folder.rglob("*") if path.is_file() and mark in path.read_bytes())


_LEFT = "SELECT count() AS n, countIf(visitor_id = 'bob') AS bob FROM events_raw WHERE customer_id = 'shop'"


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=() if step == "erasure.after-delete" else pytest.mark.minutes) for step in _STEPS]
)
def test_an_erasure_that_is_killed_is_finished_by_the_next_start(tmp_path: Path, step: str) -> None:
    shop = _Shop(tmp_path)
    shop.server.start((step, 0))
    shop.fill()
    assert shop.erase().code != 0
    assert shop.server.wait(30) == -9
    figures.injected(f"SIGKILL of itself at {step}")
    shop.server.start()
    _until_state(shop.server, {"erased", "done"})
    assert shop.ask(_LEFT) == [[5, 5]]
    again = shop.erase()
    assert again.code == 0, again.err
    assert set(json.loads(again.out)["remaining"].values()) == {0}
    assert shop.server.stop() == 0
    assert set(stored_in(shop.server.data_dir).rollup_differences.values()) == {0}


def _until_state(server: Server, states: set[str]) -> None:
    deadline = time.monotonic() + 60
    found: Any = None
    while time.monotonic() < deadline:
        token = json.loads((server.data_dir / "server.json").read_text())["token"]
        headers = {"authorization": f"Bearer {token}"}
        found = plain.get(f"{server.url}/admin/v1/privacy/erasures", headers=headers, timeout=10).json()
        if found and {one["state"] for one in found} <= states:
            return
        time.sleep(0.1)
    raise AssertionError(f"the erasure is not finished: {found}\n{server.tail()}")


def test_nothing_of_somebody_is_on_the_disk_once_they_were_erased(tmp_path: Path) -> None:
    shop = _Shop(tmp_path)
    shop.server.start()
    shop.fill()
    assert any("warehouse" in file.parts for file in shop.files_with_mark())
    assert any(file.name.startswith("log.db") for file in shop.files_with_mark())
    done = shop.erase()
    assert done.code == 0, done.err + shop.server.tail()
    told = json.loads(done.out)
    assert told["rows"] == {"events_raw": 22, "identity_links": 1, "dead_letters": 0}
    assert told["remaining"] == {"events_raw": 0, "identity_links": 0, "dead_letters": 0}
    assert told["log"] == "forgotten"
    assert shop.server.stop() == 0
    assert without_old_parts(shop.server.data_dir, shop.files_with_mark()) == []
    assert shop.mark not in shop.server.log.read_text()
