"""The images of ``deploy/Dockerfile``, built and run by a Docker engine that can get their base image."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import free_port

pytestmark = pytest.mark.images

_BUILD_SECONDS = 1_200.0
_START_SECONDS = 60.0
_PYTHON_MB = 150
"""What the base image takes at most, which is another one where it was made by hand."""


def _docker(*arguments: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)


@pytest.fixture(scope="module", params=["ingestion", "consumer", "analytics", "standalone"])
def image(request: pytest.FixtureRequest) -> str:
    """One of them, built."""
    if shutil.which("docker") is None or _docker("info").returncode != 0:
        pytest.skip("no Docker engine answers (DOCKER_HOST)")
    name = f"millrace-test/{request.param}"
    done = _docker(
        "build", "--network=host", "-f", "deploy/Dockerfile", "--target", request.param, "-t", name, ".", seconds=_BUILD_SECONDS
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return name


def _run(image: str, *arguments: str, entrypoint: str = "millrace") -> subprocess.CompletedProcess[str]:
    return _docker("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--entrypoint", entrypoint, image, *arguments)


def test_it_runs_as_nobody_on_a_file_system_that_it_cannot_write(image: str) -> None:
    assert _run(image, "-u", entrypoint="id").stdout == "10001\n"
    assert _run(image, "version").returncode == 0
    assert _run(image, "/usr/nothing", entrypoint="touch").returncode != 0
    config = json.loads(_docker("inspect", image).stdout)[0]["Config"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"][-1] == "millrace_standalone.healthcheck"
    assert config["Labels"]["org.opencontainers.image.title"] == "Millrace"


def test_it_has_what_its_service_needs_and_no_more(image: str) -> None:
    code = (
        "import importlib.util as u; "
        "print([n for n in ('chdb', 'clickhouse_connect', 'aiokafka', 'asyncpg', 'redis', 'pip', 'pytest') if u.find_spec(n)])"
    )
    found = set(eval(_run(image, "-c", code, entrypoint="python3").stdout))  # a list of names that this test printed
    wanted = {
        "ingestion": {"aiokafka", "asyncpg", "redis"},
        "consumer": {"aiokafka", "asyncpg", "redis", "clickhouse_connect"},
        "analytics": {"aiokafka", "redis", "clickhouse_connect"},
        "standalone": {"aiokafka", "asyncpg", "redis", "clickhouse_connect", "chdb"},
    }
    name = image.rpartition("/")[2]
    assert found == wanted[name]
    megabytes = int(_run(image, "-sm", "/opt/millrace", entrypoint="du").stdout.split()[0])
    if name in ("ingestion", "consumer"):
        assert megabytes + _PYTHON_MB < 350


def test_it_refuses_to_serve_everyone_without_being_told(image: str) -> None:
    refused = _docker("run", "--rm", "--read-only", "--tmpfs", "/tmp", image)
    assert refused.returncode == 2
    assert "MILLRACE_HOST=0.0.0.0 is reachable from other machines: set MILLRACE_AUTH=open" in refused.stderr


@pytest.fixture
def container(image: str) -> Iterator[tuple[str, str]]:
    """Its id and URL, healthy; of the one image that needs no neighbours."""
    if not image.endswith("standalone"):
        pytest.skip("needs its neighbours: docker-compose.yml")
    port = free_port()
    settings = {"MILLRACE_AUTH": "open", "MILLRACE_HOST": "127.0.0.1", "MILLRACE_PORT": str(port)}
    given = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    started = _docker("run", "-d", "--network=host", "--read-only", "--tmpfs", "/tmp", "-v", "/data", *given, image)
    assert started.returncode == 0, started.stderr
    name = started.stdout.strip()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while _docker("inspect", "-f", "{{.State.Health.Status}}", name).stdout.strip() != "healthy":
            assert time.monotonic() < deadline, _docker("logs", name).stderr
            time.sleep(0.5)
        yield name, f"http://127.0.0.1:{port}"
    finally:
        _docker("rm", "-f", "-v", name)


def test_the_standalone_one_stores_answers_and_ends_in_time(container: tuple[str, str]) -> None:
    name, url = container
    event = {"customer_id": "shop", "visitor_id": "v", "event_type": "click"}
    assert httpx.post(f"{url}/track", json=event, timeout=20).json()["durable"] == "log"
    question = {"customer_id": "shop", "sql": "SELECT count() AS n FROM events_raw WHERE customer_id = 'shop'"}
    deadline = time.monotonic() + 30
    while httpx.post(f"{url}/query", json=question, timeout=20).json()["data"] != [{"n": 1}]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    _docker("stop", "-t", "10", name)
    assert _docker("inspect", "-f", "{{.State.ExitCode}}", name).stdout.strip() == "0"  # 137 had it been too late
