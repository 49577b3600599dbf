"""``millrace dlq edit``: a record is corrected in a file or an editor, and put back as the event that it was."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from millrace_core.time import now_ms
from millrace_eventlog.records import DeadLetter
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import open_log
from millrace_service.metrics import Metrics
from tests.support.commands import millrace
from tests.support.pipeline import record
from tests.support.server import Server

_RIGHT = "2026-02-16 12:00:00.000"


def _letter(number: int) -> DeadLetter:
    good = record(number, tenant="letters")
    line = json.dumps({**json.loads(good.line), "timestamp": "soon"}, separators=(",", ":")).encode()
    return DeadLetter(0, number, 0, "letters", good.event_id, "refused_by_warehouse", "insert", "no", line, 1, now_ms())


def _put(folder: Path, letters: list[DeadLetter]) -> None:
    async def put() -> None:
        async with open_log(LogSettings(), folder, Metrics()) as log:
            await log.dead_letters.put(letters)

    folder.mkdir()
    asyncio.run(put())


@pytest.mark.minutes
def test_a_letter_is_corrected_in_a_file_or_an_editor(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    _put(server.data_dir, [_letter(number) for number in (1, 2, 3)])
    server.start()
    try:
        here = ("--data-dir", server.data_dir)
        line = json.loads(json.loads(millrace("dlq", "show", "1", *here).out)["line"])
        corrected = tmp_path / "corrected.json"

        corrected.write_text(json.dumps({**line, "timestamp": "later"}))
        refused = millrace("dlq", "edit", "1", "--file", corrected, *here)
        assert refused.code != 0
        assert "timestamp has to be written like" in refused.err

        corrected.write_text(json.dumps({**line, "timestamp": _RIGHT}, indent=2))
        assert "1 edited." in millrace("dlq", "edit", "1", "--file", corrected, *here).out

        editor = tmp_path / "editor.py"
        editor.write_text(
            "import pathlib, sys\n"
            "path = pathlib.Path(sys.argv[1])\n"
            f"path.write_text(path.read_text().replace('soon', {_RIGHT!r}))\n"
        )
        command = f"{sys.executable} {editor}"
        assert "1 edited." in millrace("dlq", "edit", "2", *here, EDITOR=command, VISUAL="").out
        assert "Nothing was changed." in millrace("dlq", "edit", "3", *here, EDITOR="true", VISUAL="").out

        assert millrace("dlq", "decisions", *here).out.count("  edited ") == 2
        assert [json.loads(one)["id"] for one in millrace("dlq", "list", "--json", *here).out.splitlines()] == [3]
        server.wait_until_stored()
        found = millrace("status", *here)
        assert found.code == 0, found.err
    finally:
        assert server.stop() == 0
