"""The images of ``deploy/Dockerfile``, built and run one by one."""

import json
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support import plain
from tests.support.containers import TARGETS
from tests.support.docker_engine import PYTHON_IMAGE, DockerEngine
from tests.support.server import free_port

pytestmark = pytest.mark.images

_START_SECONDS = 60.0
_MOST_BYTES = 350_000_000
_PYTHON_BYTES = 150_000_000
"""What the stock base image takes at most; one that stands in for it has another size."""


@pytest.fixture(params=TARGETS)
def image(request: pytest.FixtureRequest, images: dict[str, str]) -> str:
    """Its name."""
    return images[request.param]


def _run(docker: DockerEngine, image: str, *arguments: str, entrypoint: str = "millrace") -> subprocess.CompletedProcess[str]:
    return docker.ask("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--entrypoint", entrypoint, image, *arguments)


def test_it_runs_as_nobody_on_a_file_system_that_it_cannot_write(docker: DockerEngine, image: str) -> None:
    assert _run(docker, image, "-u", entrypoint="id").stdout == "10001\n"
    assert _run(docker, image, "version").returncode == 0
    assert _run(docker, image, "/usr/nothing", entrypoint="touch").returncode != 0
    config = json.loads(docker.ask("inspect", image).stdout)[0]["Config"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"][-1] == "millrace_standalone.healthcheck"
    assert config["Labels"]["org.opencontainers.image.title"] == "Millrace"


def test_it_has_what_its_service_needs_and_no_more(docker: DockerEngine, image: str) -> None:
    code = (
        "import importlib.util as u; "
        "print([n for n in ('chdb', 'clickhouse_connect', 'aiokafka', 'asyncpg', 'redis', 'pip', 'pytest') if u.find_spec(n)])"
    )
    found = set(eval(_run(docker, image, "-c", code, entrypoint="python3").stdout))  # a list of names that this test printed
    wanted = {
        "ingestion": {"aiokafka", "asyncpg", "redis"},
        "consumer": {"aiokafka", "asyncpg", "redis", "clickhouse_connect"},
        "analytics": {"aiokafka", "asyncpg", "redis", "clickhouse_connect"},
        "standalone": {"aiokafka", "asyncpg", "redis", "clickhouse_connect", "chdb"},
    }
    name = image.rpartition("/")[2]
    assert found == wanted[name]
    size, base = (int(docker.do("inspect", "--format", "{{.Size}}", name)) for name in (image, PYTHON_IMAGE))
    print(f"{name}: {size / 1e6:.0f} MB, of which the base image {base / 1e6:.0f}")  # noqa: T201
    if name in ("ingestion", "consumer"):
        assert (size if docker.pulls else size - base + _PYTHON_BYTES) < _MOST_BYTES


def test_it_refuses_to_serve_everyone_without_being_told(docker: DockerEngine, image: str) -> None:
    refused = docker.ask("run", "--rm", "--read-only", "--tmpfs", "/tmp", image)
    assert refused.returncode == 2
    assert "MILLRACE_HOST=0.0.0.0 is reachable from other machines: set MILLRACE_AUTH=required" in refused.stderr


@pytest.fixture
def container(docker: DockerEngine, images: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Id and URL, healthy, of the one image that needs no neighbours."""
    port = free_port()
    settings = {"MILLRACE_AUTH": "open", "MILLRACE_HOST": "127.0.0.1", "MILLRACE_PORT": str(port)}
    given = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    options = ("--detach", "--network=host", "--read-only", "--tmpfs", "/tmp", "--volume", "/data")
    name = docker.do("run", *options, *given, images["standalone"])
    try:
        deadline = time.monotonic() + _START_SECONDS
        while docker.do("inspect", "--format", "{{.State.Health.Status}}", name) != "healthy":
            assert time.monotonic() < deadline, docker.ask("logs", name).stderr
            time.sleep(0.5)
        yield name, f"http://127.0.0.1:{port}"
    finally:
        docker.ask("rm", "--force", "--volumes", name)


def test_the_page_is_in_the_standalone_one(container: tuple[str, str]) -> None:
    _, url = container
    page = plain.get(f"{url}/", headers={"Accept": "text/html"}, timeout=20)
    assert page.status_code == 200
    assert "make page" not in page.text
    script = re.search(r'src="\./(assets/[^"]+\.js)"', page.text)
    assert script is not None
    assert plain.get(f"{url}/{script[1]}", timeout=20).headers["content-type"].startswith("text/javascript")


def test_the_standalone_one_stores_answers_and_ends_in_time(docker: DockerEngine, container: tuple[str, str]) -> None:
    name, url = container
    event = {"customer_id": "shop", "visitor_id": "v", "event_type": "click"}
    assert plain.post(f"{url}/track", json=event, timeout=20).json()["durable"] == "log"
    question = {"customer_id": "shop", "sql": "SELECT count() AS n FROM events_raw WHERE customer_id = 'shop'"}
    deadline = time.monotonic() + 30
    while plain.post(f"{url}/query", json=question, headers={"Cache-Control": "no-cache"}, timeout=20).json()["data"] != [
        {"n": 1}
    ]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    docker.do("stop", "-t", "10", name)
    assert docker.do("inspect", "--format", "{{.State.ExitCode}}", name) == "0"  # 137 had it been too late
