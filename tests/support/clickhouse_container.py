"""ClickHouse's own server for tests, where a Docker engine answers that has its image or can pull it: the image and the files
of ``docker-compose.yml``, by testcontainers."""

import functools
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from testcontainers.core.container import DockerContainer

from tests.support import figures, plain
from tests.support.clickhouse import ClickHouse
from tests.support.clickhouse_server import READER, WRITER

_ROOT: Final = Path(__file__).parents[2]
_SECONDS: Final = {"info": 10.0, "pull": 600.0}
_START_SECONDS: Final = 120.0


@functools.cache
def stock_image() -> str | None:
    """The compose file's, None where no engine has it."""
    services = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())["services"]
    image = str(services["clickhouse"]["image"])
    answers = shutil.which("docker") is not None and _succeeds("info") and _succeeds("pull", "--quiet", image)
    return image if answers else None


def _succeeds(command: str, *arguments: str) -> bool:
    try:
        done = subprocess.run(["docker", command, *arguments], capture_output=True, timeout=_SECONDS[command], check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


class ContainerClickHouse(ClickHouse):
    """Starts, stops, is killed and starts again with what it had stored."""

    is_stand_in = False

    def __init__(self, folder: Path, image: str) -> None:
        super().__init__(folder)
        files = _ROOT / "deploy/clickhouse"
        self._container = (
            DockerContainer(image)
            .with_envs(CLICKHOUSE_SKIP_USER_SETUP="1", MILLRACE_WRITER_PASSWORD=WRITER[1], MILLRACE_READER_PASSWORD=READER[1])
            .with_volume_mapping(files / "config.d/millrace.xml", "/etc/clickhouse-server/config.d/millrace.xml")
            .with_volume_mapping(files / "users.d/millrace.xml", "/etc/clickhouse-server/users.d/millrace.xml")
            .with_bind_ports(8123, self.port)
        )
        self._was_started = False

    @property
    def pid(self) -> int | None:
        """Of no process of this machine."""
        return None

    def start(self) -> None:
        """Start, and wait until it answers."""
        if self._was_started:
            self._docker.start()
        else:
            self._container.start()
            self._was_started = True
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                if plain.get(f"http://127.0.0.1:{self.port}/ping").status_code == 200:
                    figures.healed()
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"the warehouse does not answer: {self._docker.logs(tail=20)!r}")

    @property
    def _docker(self) -> Any:
        return self._container.get_wrapped_container()

    def stop(self) -> None:
        """SIGTERM. The container goes with the process of the tests."""
        self._docker.stop(timeout=30)

    def freeze(self) -> None:
        """See ClickHouse."""
        figures.injected("freeze of the warehouse")
        self._docker.pause()

    def thaw(self) -> None:
        """Go on."""
        self._docker.unpause()
        figures.healed()

    def kill(self) -> None:
        """SIGKILL."""
        figures.injected("SIGKILL of the warehouse")
        self._docker.kill()
