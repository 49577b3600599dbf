"""What the Python client tracked is stored once, whatever happens to the server, the network or the process that tracks."""

import multiprocessing
import os
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace_client import Millrace, Options
from tests.support.python_client import KINDS, driven
from tests.support.scripted import Reply, scripted
from tests.support.server import Server

pytestmark = [pytest.mark.faults, pytest.mark.minutes]

_KILLS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("python_client") / "data")
    made.start()
    yield made
    assert made.stop() == 0


def _stored(server: Server, tenant: str = "shop") -> list[str]:
    server.wait_until_stored()
    found: list[str] = []
    with Millrace(server.url, customer_id=tenant) as client:
        while True:  # an answer has 10,000 rows at most
            page = f"ORDER BY event_id LIMIT 5000 OFFSET {len(found)}"
            rows = client.query(f"SELECT event_id FROM events_raw WHERE customer_id = '{tenant}' {page}").data
            if not rows:
                return sorted(found)
            found += [str(row["event_id"]) for row in rows]


def _program(server_url: str, code: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a program that uses the client as an application does."""
    begin = f"""
        import asyncio, os, sys
        from millrace_client import AsyncMillrace, Millrace, Options
        URL = {server_url!r}
        """
    source = textwrap.dedent(begin) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-W", "error", "-c", source], capture_output=True, timeout=120, check=False, **more)
    assert done.returncode == 0, done.stderr.decode()
    return done


@pytest.mark.parametrize("kind", KINDS)
def test_kills_of_the_server_lose_and_double_nothing(tmp_path: Path, kind: str) -> None:
    own = Server(tmp_path / "data")
    own.start()
    # Room for what is tracked while the server starts again, however long that takes.
    options = Options(
        flush_seconds=0.02, batch_events=100, queue_events=10**6, first_retry_seconds=0.05, longest_retry_seconds=0.5
    )
    tracked: list[str] = []
    stop = threading.Event()
    with driven(kind, own.url, options) as client:

        def click() -> None:
            while not stop.wait(0.01):
                made = client.tracker.track("click", visitor_id=f"v{len(tracked) % 7}")
                assert made is not None
                tracked.append(made)

        clicking = threading.Thread(target=click)
        clicking.start()
        for _ in range(_KILLS):
            before = client.stats().stored
            wait_until(lambda before=before: client.stats().stored >= before + random.randint(50, 300))  # type: ignore[misc]
            own.kill()
            own.start()
        stop.set()
        clicking.join()
        assert client.flush(120)
        stats = client.stats()
    assert (stats.stored, stats.rejected, stats.dropped) == (len(tracked), 0, 0)
    assert stats.retries > 0
    assert _stored(own) == sorted(tracked)
    assert own.stop() == 0


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return once the condition holds."""
    end = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        end.wait(0.01)
    raise AssertionError("it did not come true")


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_server_costs_the_application_no_time_and_no_event(kind: str) -> None:
    hold = threading.Event()
    options = Options(flush_seconds=0.01, timeout_seconds=0.3, first_retry_seconds=0.01)
    with scripted(Reply(hold=hold), Reply(hold=hold), Reply()) as slow, driven(kind, slow.url, options) as client:
        ids = [client.tracker.track("click", visitor_id="v") for _ in range(100)]
        assert len(slow.wait_for(1)) == 1  # that all of them were tracked before anything was answered
        assert client.stats().stored == 0
        slow.wait_for(3)
        assert client.flush(60)
        hold.set()
        assert slow.seen[0].ids == slow.seen[1].ids == slow.seen[2].ids
        assert {one for request in slow.seen for one in request.ids} == set(ids)


def test_what_waits_is_sent_when_the_interpreter_ends(server: Server) -> None:
    done = _program(
        server.url,
        """
        client = Millrace(URL, customer_id="at_exit", options=Options(flush_seconds=3600))
        print(*[client.track("click", visitor_id="v") for _ in range(1234)])
        """,
    )
    assert _stored(server, "at_exit") == sorted(done.stdout.decode().split())


def test_what_waits_is_sent_when_the_interpreter_ends_by_an_exception(server: Server) -> None:
    done = _program(
        server.url,
        """
        client = Millrace(URL, customer_id="at_error", options=Options(flush_seconds=3600))
        print(client.track("click", visitor_id="v"))
        sys.exit(client.stats().waiting - 1)
        """,
    )
    assert _stored(server, "at_error") == done.stdout.decode().split()


def test_what_a_loop_left_behind_is_sent_when_the_interpreter_ends(server: Server) -> None:
    done = _program(
        server.url,
        """
        client = AsyncMillrace(URL, customer_id="loop_left", options=Options(flush_seconds=3600))
        async def main():
            print(*[client.track("click", visitor_id="v") for _ in range(10)])
        asyncio.run(main())
        print(client.track("after", visitor_id="v"))
        """,
    )
    assert _stored(server, "loop_left") == sorted(done.stdout.decode().split())


def test_an_exit_without_a_server_ends_in_time_and_says_what_is_lost() -> None:
    done = _program(
        "http://127.0.0.1:1",
        """
        client = Millrace(URL, customer_id="nowhere", options=Options(shutdown_seconds=0.3))
        client.track("click", visitor_id="v")
        """,
    )
    assert b"1 events were not delivered in time and are lost" in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_forked_process_sends_its_own_events_and_leaves_its_parents_alone(server: Server) -> None:
    done = _program(
        server.url,
        """
        client = Millrace(URL, customer_id="forked", options=Options(flush_seconds=3600))
        made = [client.track("before", visitor_id="v") for _ in range(10)]
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                assert client.stats().waiting == 0
                os.write(1, f"{client.track('child', visitor_id='v')}\\n".encode())  # at once: three write to one pipe
                sys.exit()  # as a prefork server's worker ends
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
        assert client.stats().waiting == 10
        print(*made, client.track("after", visitor_id="v"))
        """,
    )
    assert len(done.stdout.split()) == 14
    assert _stored(server, "forked") == sorted(done.stdout.decode().split())


_PROCESSES = """
import multiprocessing, sys
from millrace_client import Millrace, Options

def work():
    client = Millrace(sys.argv[2], customer_id=sys.argv[1], options=Options(flush_seconds=3600))
    client.track("click", visitor_id="v")

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    processes = [multiprocessing.Process(target=work) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(max(process.exitcode for process in processes))
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_of_multiprocessing_send_when_they_end(server: Server, method: str, tmp_path: Path) -> None:
    program = tmp_path / "processes.py"
    program.write_text(_PROCESSES)
    command = [sys.executable, "-W", "error", str(program), method, server.url]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert len(_stored(server, method)) == 2
