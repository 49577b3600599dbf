"""A backup whose log has let go of its events: all that comes back comes from the parts of the warehouse."""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import plain
from tests.support.checker import stored_in
from tests.support.commands import millrace, started
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_EVENTS = 250
_SHORT = {"MILLRACE_LOG_KEEP_SECONDS": "0.2", "MILLRACE_CONSUMER_FLUSH_SECONDS": "0.05"}


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server that was stopped since, with every event in the warehouse alone."""
    folder = tmp_path_factory.mktemp("restore")
    server = Server(folder / "data", _SHORT)
    server.start()
    try:
        _fill(server)
        done = millrace("backup", folder / "backup", "--data-dir", server.data_dir)
        assert (done.code, done.err) == (0, "")
        assert f"{_EVENTS} stored events" in done.out
        shadow = server.data_dir / "warehouse" / "engine" / "shadow"
        assert [path for path in shadow.iterdir() if path.is_dir()] == []
    finally:
        assert server.stop() == 0
    return folder / "backup"


def _fill(server: Server) -> None:
    events = [
        {"customer_id": "shop", "visitor_id": f"v{number}", "event_type": "page_view", "event_id": f"e{number}"}
        for number in range(_EVENTS)
    ]
    answer = plain.post(f"{server.url}/track/batch", json={"events": events}, timeout=30)
    assert answer.json()["events_accepted"] == _EVENTS
    server.wait_until_stored()
    _wait_until_let_go(server.data_dir / "log.db")


def _wait_until_let_go(log: Path) -> None:
    deadline = time.monotonic() + 60
    while _entries(log):
        assert time.monotonic() < deadline, "the log keeps what was stored"
        time.sleep(0.05)


def _entries(log: Path) -> int:
    with closing(sqlite3.connect(f"{log.absolute().as_uri()}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM log").fetchone()[0])


def test_events_that_the_log_no_longer_has_come_back(backup: Path, tmp_path: Path) -> None:
    assert _entries(backup / "log.db") == 0
    assert json.loads((backup / "backup.json").read_text())["rows"]["events_raw"] == _EVENTS
    restored = Server(tmp_path / "restored", _SHORT)
    done = millrace("restore", backup, "--data-dir", restored.data_dir)
    assert (done.code, done.err) == (0, "")
    restored.start()
    again = [{"customer_id": "shop", "visitor_id": "v1", "event_type": "page_view", "event_id": "e1"}]
    plain.post(f"{restored.url}/track/batch", json={"events": again}, timeout=30)
    restored.wait_until_stored()
    assert restored.stop() == 0
    stored = stored_in(restored.data_dir)
    assert (stored.rows, stored.unique_ids) == (_EVENTS, _EVENTS)
    assert set(stored.rollup_differences.values()) == {0}


def _copied(backup: Path, to: Path, **changed: object) -> Path:
    """A copy of the backup with another manifest."""
    shutil.copytree(backup, to)
    manifest = json.loads((to / "backup.json").read_text())
    (to / "backup.json").write_text(json.dumps(manifest | changed))
    return to


def _files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_restore_leaves_the_backup_as_it_is(backup: Path, tmp_path: Path) -> None:
    before = _files_of(backup)
    (tmp_path / "empty").mkdir()
    done = millrace("restore", backup, "--data-dir", os.path.relpath(tmp_path / "empty"))  # as "data", which is what is assumed
    assert (done.code, done.err) == (0, "")
    assert _files_of(backup) == before
    assert set(json.loads((backup / "backup.json").read_text())["files"]) <= _files_of(tmp_path / "empty")


def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(backup: Path, tmp_path: Path) -> None:
    files = json.loads((backup / "backup.json").read_text())["files"]
    wrong: dict[str, dict[str, Any]] = {
        "names no log.db": {"files": {}},
        "not what it was": {"files": {**files, "../stray": [1, 1]}},
        "made by millrace 99.0.0": {"version": "99.0.0"},
        "'new' is no version": {"version": "new"},
        "is no backup": {"rows": None},
        "of 251 rows of events_raw the engine finds 250": {"rows": _rows(backup, events_raw=_EVENTS + 1)},
        "of 5 rows of strange the engine finds 0": {"rows": _rows(backup, strange=5)},
        "says nothing of events_raw": {"rows": {}},
    }
    for number, (said, changed) in enumerate(wrong.items()):
        copy = _copied(backup, tmp_path / f"backup{number}", **changed)
        before = _files_of(copy)
        done = millrace("restore", copy, "--data-dir", tmp_path / "data")
        assert (done.code, said in done.err, "Traceback" in done.err) == (2, True, False), done.err
        assert not (tmp_path / "data").exists()
        assert _files_of(copy) == before
    lone = tmp_path / "lone"
    lone.mkdir()
    (lone / "backup.json").write_text(json.dumps({"version": "0.1.0", "made_at": "", "files": {}, "rows": {}}))
    done = millrace("restore", lone, "--data-dir", tmp_path / "data")
    assert (done.code, "names no log.db" in done.err) == (2, True)


def _rows(backup: Path, **changed: int) -> dict[str, int]:
    rows: dict[str, int] = json.loads((backup / "backup.json").read_text())["rows"]
    return rows | changed


def test_a_part_that_is_missing_from_manifest_and_folder_is_noticed(backup: Path, tmp_path: Path) -> None:
    copy = _copied(backup, tmp_path / "backup")
    files = json.loads((copy / "backup.json").read_text())["files"]
    parts = {str(Path(name).parent) for name in files if name.endswith("/count.txt")}
    kept = {name: told for name, told in files.items() if str(Path(name).parent) not in parts}
    assert len(kept) < len(files)
    done = millrace("restore", _copied(copy, tmp_path / "short", files=kept), "--data-dir", tmp_path / "data")
    assert (done.code, "the engine finds 0" in done.err) == (2, True), done.err
    assert not (tmp_path / "data").exists()


def test_half_a_restore_is_refused_by_every_start(backup: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("log.db", "records.db"):
        shutil.copyfile(backup / name, data / name)
    done = millrace("up", "--data-dir", data, "--port", "0")
    assert (done.code, "put the whole backup into a new folder" in done.err) == (2, True), done.err
    (data / "restore.unfinished").write_text("")
    for arguments in (("up", "--port", "0"), ("restore", backup)):
        done = millrace(*arguments, "--data-dir", data)
        assert (done.code, "a restore that was broken off" in done.err) == (2, True), done.err


def test_a_data_folder_that_is_a_file_is_refused_in_a_line(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        done = millrace("restore", backup, MILLRACE_DATA_DIR=str(folder))
        assert (done.code, done.err.count("\n"), str(folder) in done.err) == (2, 1, True), done.err
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_name_of_the_data_folder_is_refused_with_the_setting(backup: Path) -> None:
    for command in (("up",), ("status",), ("restore", backup)):
        done = millrace(*command, MILLRACE_DATA_DIR="")
        assert (done.code, done.err) == (2, "millrace: MILLRACE_DATA_DIR=: it is empty: name a folder, as ./data\n")
        given = millrace(*command, "--data-dir", "")
        assert (given.code, "Invalid value for '--data-dir': it is empty: name a folder" in given.err) == (2, True)


def test_a_killed_restore_is_refused_and_says_of_which_backup_it_was(backup: Path, tmp_path: Path) -> None:
    data, deadline = tmp_path / "data", time.monotonic() + 60
    with started("restore", backup, "--data-dir", data) as restoring:
        while not (data / "restore.unfinished").exists():
            assert restoring.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        restoring.kill()  # opening the engine alone takes a hundred times as long as this
    assert str(backup) in (data / "restore.unfinished").read_text()
    done = millrace("up", "--data-dir", data, "--port", "0")
    assert (done.code, f"{data} is a restore that was broken off" in done.err) == (2, True), done.err
