"""A backup is made while events come in, and what it says it has comes back: each event once, with its rollups."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millrace_core.time import now_ms
from tests.support import figures, plain
from tests.support.checker import assert_exact, stored_in
from tests.support.commands import millrace
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Sent, Writers

pytestmark = pytest.mark.minutes

_ENVIRONMENT = {"MILLRACE_CONSUMER_FLUSH_SECONDS": "0.05"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("backup") / "data", _ENVIRONMENT)
    running.start()
    yield running
    assert running.stop() == 0


async def _backed_up(server: Server, folder: Path, acked: Path) -> Sent:
    """Make a backup in the middle of what comes in; what was sent, and what was acknowledged before it began."""
    writers = Writers(CurrentUrl(server.url), acked, figures.seed(), now_ms())
    enough = asyncio.Event()
    writing = asyncio.create_task(writers.write(4, 200, enough))
    await _until(lambda: len(writers.sent.acknowledged) > 2_000, writing)
    promised = set(writers.sent.acknowledged)
    done = await asyncio.to_thread(millrace, "backup", folder, "--data-dir", server.data_dir)
    assert done.code == 0, done.err
    assert "MiB" in done.out
    behind = len(writers.sent.acknowledged)
    await _until(lambda: len(writers.sent.acknowledged) > behind + 500, writing)
    enough.set()
    await writing
    return Sent(writers.sent.events, promised)


async def _until(condition: Callable[[], bool], writing: "asyncio.Task[None]") -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        assert not writing.done(), writing.exception()
        await asyncio.sleep(0.02)


async def test_what_was_accepted_before_a_backup_is_in_it_once(server: Server, tmp_path: Path) -> None:
    assert millrace("tenant", "set", "fault_a", "--retention-days", "400", "--data-dir", server.data_dir).code == 0
    sent = await _backed_up(server, tmp_path / "backup", tmp_path / "acked")
    restored = Server(tmp_path / "restored", _ENVIRONMENT)
    done = millrace("restore", tmp_path / "backup", "--data-dir", restored.data_dir)
    assert done.code == 0, done.err
    restored.start()
    restored.wait_until_stored()
    again = [sent.events[event_id] for event_id in sorted(sent.acknowledged)[:500]]
    answer = plain.post(f"{restored.url}/track/batch", json={"events": again}, timeout=30)
    assert answer.json()["events_accepted"] == 500
    restored.wait_until_stored()
    kept = millrace("tenant", "show", "fault_a", "--data-dir", restored.data_dir)
    assert "400 days" in kept.out, kept.out + kept.err
    assert restored.stop() == 0
    assert_exact(sent, stored_in(restored.data_dir))


def test_a_backup_goes_into_a_folder_of_its_own(server: Server, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    done = millrace("backup", tmp_path, "--data-dir", server.data_dir)
    assert (done.code, "not empty" in done.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_without_a_server_a_backup_says_so(tmp_path: Path) -> None:
    done = millrace("backup", tmp_path / "to", "--data-dir", tmp_path / "none")
    assert (done.code, "no server is running" in done.err, "--url" in done.err) == (2, True, False)
    assert not (tmp_path / "to").exists()


def test_a_backup_that_was_changed_is_not_restored(server: Server, tmp_path: Path) -> None:
    assert millrace("backup", tmp_path / "backup", "--data-dir", server.data_dir).code == 0
    files = json.loads((tmp_path / "backup" / "backup.json").read_text())["files"]
    largest = max((name for name in files if name.startswith("warehouse")), key=lambda name: files[name][0])
    path = tmp_path / "backup" / largest
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # it may be a link to the server's own
    path.write_bytes(content)
    done = millrace("restore", tmp_path / "backup", "--data-dir", tmp_path / "data")
    assert (done.code, largest in done.err) == (2, True)
    assert not (tmp_path / "data").exists()


def test_a_restore_touches_no_folder_that_has_something(server: Server, tmp_path: Path) -> None:
    assert millrace("backup", tmp_path / "backup", "--data-dir", server.data_dir).code == 0
    done = millrace("restore", tmp_path / "backup", "--data-dir", server.data_dir)
    assert (done.code, "not empty" in done.err) == (2, True)
    shutil.rmtree(tmp_path / "backup")
    done = millrace("restore", tmp_path, "--data-dir", tmp_path / "data")
    assert (done.code, "is no backup" in done.err) == (2, True)


def test_only_the_servers_own_user_makes_backups(server: Server, tmp_path: Path) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}):
        answer = plain.post(f"{server.url}/admin/v1/backup", json={"folder": str(tmp_path / "b")}, headers=headers, timeout=30)
        assert answer.status_code == 401
    assert not (tmp_path / "b").exists()
