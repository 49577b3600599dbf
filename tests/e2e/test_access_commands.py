"""A server where credentials are required, as its operator meets it: the printed link, keys, users, an import, the trail."""

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import plain
from tests.support.access import bearer
from tests.support.commands import millrace
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_EVENT = {"visitor_id": "v1", "event_type": "click"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("access") / "data", {"MILLRACE_AUTH": "required"})
    made.start()
    yield made
    assert made.stop() == 0


def _run(server: Server, *arguments: str | Path) -> str:
    done = millrace(*arguments, "--data-dir", server.data_dir)
    assert done.code == 0, done.err
    return done.out.strip()


def _track(server: Server, key: str) -> int:
    return plain.post(f"{server.url}/track", json=_EVENT, headers=bearer(key), timeout=30).status_code


def _printed(server: Server, pattern: str) -> re.Match[str]:
    """Once it is printed."""
    deadline = time.monotonic() + 30
    while (found := re.search(pattern, server.log.read_text())) is None:
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.05)
    return found


def test_the_first_start_prints_a_link_that_makes_the_first_owner(server: Server) -> None:
    link = _printed(server, rf"{re.escape(server.url)}/setup\?purpose=first_owner&token=\w+\n")[0].strip()
    assert plain.get(link, timeout=30).status_code == 200
    fields = {
        "for": "first_owner",
        "email": "ada@example.com",
        "password": "correct horse",
        "token": link.rpartition("=")[2],
    }
    assert plain.post(f"{server.url}/setup", data=fields, timeout=60).status_code == 200
    assert "ada@example.com" in _run(server, "user", "list")


def test_the_lines_that_it_greets_with_work_as_they_stand(server: Server) -> None:
    said = _printed(server, r"(?s)A key first:.+A whole shop:.+?\n")[0]
    key, event, stream, hour = re.findall(r"(?:A key first|First event|Live stream|Last hour):\s+(.+)", said)
    assert (stream.split()[:2], '--key "$KEY"' in said) == (["curl", "-N"], True)
    own = f"{shlex.quote(sys.executable)} -m millrace_standalone key"
    lines = [key.replace("millrace key", own, 1), *(f"{line} -fsS" for line in (event, hour))]
    done = subprocess.run(["bash", "-euc", "\n".join(lines)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert '"success":true' in done.stdout


def test_a_key_is_printed_once_works_and_ends(server: Server) -> None:
    key = _run(server, "key", "create", "shop", "--name", "web shop")
    assert re.fullmatch(r"mrw_\w{32}", key)
    assert _track(server, key) == 200
    listed = _run(server, "key", "list", "--tenant", "shop")
    assert "web shop" in listed
    assert key not in listed
    key_id = listed.split()[0]
    following = _run(server, "key", "rotate", key_id, "--overlap-hours", "1")
    assert (_track(server, key), _track(server, following)) == (200, 200)
    _run(server, "key", "revoke", key_id)
    assert (_track(server, key), _track(server, following)) == (401, 200)
    refused = millrace("key", "rotate", key_id, "--data-dir", server.data_dir)
    assert refused.code == 2
    assert "has ended" in refused.err


def test_what_no_key_can_be_is_one_line(server: Server) -> None:
    for arguments, told in (
        (("*",), "A write key is of one tenant."),
        (("shop", "--scope", "admin"), "A write key may only send events"),
        (("shop", "--secret"), "has one scope or more"),
        (("shop", "--origin", "shop.example.com"), "is no origin"),
        (("a:b",), "tenant"),
    ):
        done = millrace("key", "create", *arguments, "--data-dir", server.data_dir)
        assert done.code == 2, arguments
        assert told in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_an_administrators_key_does_from_anywhere_what_the_data_folder_does_here(server: Server) -> None:
    key = _run(server, "key", "create", "*", "--secret", "--scope", "admin")
    assert "ada@example.com" in millrace("user", "list", "--url", server.url, "--key", key).out
    assert millrace("status", "--url", server.url, "--key", key).code == 0
    refused = millrace("status", "--url", server.url, "--key", "mrs_wrong")
    assert (refused.code, refused.err) == (2, "millrace: This key is not valid.\n")


def test_people_come_in_get_another_role_and_go(server: Server) -> None:
    link = _run(server, "user", "add", "bob@example.com", "shop", "--role", "analyst")
    assert link.startswith(f"{server.url}/setup?token=")
    assert "analyst of shop" in _run(server, "user", "list", "--tenant", "shop")
    assert "owner of shop" in _run(server, "user", "role", "bob@example.com", "shop", "owner")
    assert "no role" in _run(server, "user", "role", "bob@example.com", "shop", "none")
    assert _run(server, "user", "password", "bob@example.com") != link
    assert "disabled" in _run(server, "user", "disable", "bob@example.com")


def test_a_file_is_imported_with_a_key(server: Server, tmp_path: Path) -> None:
    key = _run(server, "key", "create", "books", "--secret", "--scope", "ingest")
    file = tmp_path / "events.ndjson"
    file.write_text('{"visitor_id": "v1", "event_type": "click"}\n' * 3)
    done = millrace("import", file, "--url", server.url, "--key", key, "--customer", "books")
    assert done.code == 0, done.err
    refused = millrace("import", file, "--url", server.url, "--customer", "books")
    assert refused.code != 0


def test_everything_that_was_changed_is_in_the_trail(server: Server) -> None:
    _run(server, "tenant", "set", "shop", "--tier", "enterprise")
    trail = _run(server, "changes")
    for action in (
        "user_created",
        "key_created",
        "key_rotated",
        "key_revoked",
        "roles_changed",
        "user_disabled",
        "tenant_changed",
    ):
        assert f" {action} " in trail
    assert "mrw_" not in re.sub(r'"shown": "mrw_\w{8}"', "", trail)
    assert "ada@example.com" not in _run(server, "changes", "--tenant", "shop")
