"""The Python client's guide and examples, as they stand there, against a real server."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from millrace_client import Millrace
from tests.support.server import Server, free_port

pytestmark = pytest.mark.minutes

_ROOT = Path(__file__).parents[2]
_GUIDE = (_ROOT / "docs/guides/python.md").read_text()
_BLOCKS = re.findall(r"```python\n(.*?)```", _GUIDE, re.DOTALL)
_EXAMPLES = _ROOT / "libs/client/examples"
# A shell that runs the tests in the background has its children ignore Ctrl-C.
_HEED_INTERRUPTS = (
    "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("python_guide") / "data")
    made.start()
    yield made
    assert made.stop() == 0


def _rows(server: Server, tenant: str, columns: str, order: str) -> list[dict[str, object]]:
    server.wait_until_stored()
    with Millrace(server.url, customer_id=tenant) as client:
        return client.query(f"SELECT {columns} FROM events_raw WHERE customer_id = '{tenant}' ORDER BY {order}").data


def test_the_snippets_of_the_guide_run_one_after_the_other(server: Server) -> None:
    follow = "import threading\nevents = []\nthreading.Thread(target=lambda: events.extend(follow(1)), daemon=True).start()\n"
    wait = "while not events: millrace.track('x', visitor_id='v'); millrace.flush(1)\nprint('followed', events[0])\n"
    source = "\n".join(_BLOCKS) + follow + wait
    source = source.replace("http://localhost:8080", server.url)
    source = source.replace("answer = ", f"{_wait_until_stored(server)}\nanswer = ")
    done = subprocess.run([sys.executable, "-W", "error", "-c", source], capture_output=True, timeout=180, check=False)
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    for promised in re.findall(r"^# (\w.*)$", _GUIDE, re.MULTILINE):
        if promised != "Python":
            assert promised.partition("{")[0] in said, promised
    assert "identify 1\npage_view 1\npurchase 1\n" in said
    assert "followed x" in said


@pytest.mark.parametrize("page", ["README.md", "libs/client/README.md"])
def test_the_first_lines_of_a_readme_track_an_event(server: Server, page: str) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (_ROOT / page).read_text(), re.DOTALL)
    source = block.replace("http://localhost:8080", server.url) + "\nprint(millrace.flush(60), millrace.stats().stored)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", source], capture_output=True, timeout=120, check=False)
    assert done.stdout == b"True 1\n", done.stderr.decode()


def _wait_until_stored(server: Server) -> str:
    return f"import httpx\nwhile httpx.get('{server.url}/health').json()['details']['lag']['events']: pass"


@pytest.mark.parametrize("name", ["django_shop", "fastapi_shop"])
def test_an_example_tracks_what_its_visitors_do(server: Server, name: str, tmp_path: Path) -> None:
    port = free_port()
    program = [sys.executable, "-c", _HEED_INTERRUPTS, str(_EXAMPLES / f"{name}.py"), str(port)]
    environment = {**os.environ, "MILLRACE_URL": server.url}
    with subprocess.Popen(program, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as shop:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Referer": "https://google.com/"}) as visitor:
                _wait_until_open(visitor, shop)
                assert "Mugs" in visitor.get("/").text
                assert "A mug" in visitor.get("/mug/").text
                assert visitor.get("/nothing").status_code == 404
                assert visitor.post("/mug/").status_code == 201
                cookie = visitor.cookies["visitor"]
        finally:
            shop.send_signal(signal.SIGINT)
            try:
                shop.wait(60)
            finally:
                shop.kill()
    rows = _rows(server, name, "event_type, page_path, referrer_domain, visitor_id, ip", "timestamp, event_type")
    assert [(row["event_type"], row["page_path"], row["referrer_domain"]) for row in rows] == [
        ("page_view", "/", "google.com"),
        ("page_view", "/mug/", "google.com"),
        ("purchase", "", ""),
    ]
    assert {row["visitor_id"] for row in rows} == {cookie}
    assert str(rows[0]["ip"]).startswith("127.0.0.0")


def _wait_until_open(visitor: httpx.Client, shop: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert shop.poll() is None, shop.stderr.read().decode() if shop.stderr is not None else ""
        try:
            visitor.head("/")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the example does not answer")
