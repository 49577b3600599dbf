"""``docker-compose.yml`` as a project of its own: other names and ports than the ones of ``make up``, so that both can run.

The override file changes nothing but ``image``: the project's own images have the tests' names, and what an engine cannot pull
is replaced by its stand-in. One thing more where it has to be: a machine that allows fewer open files than a container asks for
would not start it.
"""

import json
import re
import resource
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.support import figures, plain
from tests.support.docker_engine import DockerEngine
from tests.support.server import free_port

_ROOT: Final = Path(__file__).parents[2]
_FILE: Final = _ROOT / "docker-compose.yml"
_UP_SECONDS: Final = 900.0  # where images are pulled first
_WAIT_SECONDS: Final = 240.0
SERVICES: Final = ("ingestion", "analytics", "consumer")
_PUBLISHED: Final = (*SERVICES, "gateway", "clickhouse", "prometheus", "grafana")


def images_of_the_project(built: Mapping[str, str]) -> dict[str, str]:
    """By service, the built image of each that the file names with the project's own.

    Args:
        built: names by target of ``deploy/Dockerfile``.
    """
    services: dict[str, dict[str, Any]] = yaml.safe_load(_FILE.read_text())["services"]
    targets = {one: re.match(r"millrace/(\w+):", said["image"]) for one, said in services.items()}
    return {one: built[found[1]] for one, found in targets.items() if found is not None}


class ComposeProject:
    """The project on an engine.

    Args:
        images: by service; what is not named keeps the image that the file says.
        left_out: services that are not started.
    """

    def __init__(
        self, engine: DockerEngine, folder: Path, name: str, images: Mapping[str, str], left_out: frozenset[str]
    ) -> None:
        self._engine = engine
        self.name = name
        self.services: dict[str, dict[str, Any]] = yaml.safe_load(_FILE.read_text())["services"]
        self.started = [one for one, said in self.services.items() if one not in left_out and "profiles" not in said]
        self._override = folder / "override.yml"
        changed = {one: {"image": image, **self._fewer_files(one)} for one, image in images.items()}
        self._override.write_text(yaml.safe_dump({"services": changed}))
        self._ports = {one: free_port() for one in _PUBLISHED}
        settings = {f"{one.upper()}_PORT": str(port) for one, port in self._ports.items()}
        self.passwords = {"CLICKHOUSE_WRITER_PASSWORD": "w-secret", "CLICKHOUSE_READER_PASSWORD": "r-secret"}
        engine.environment.update({**settings, **self.passwords, "POSTGRES_PASSWORD": "p-secret"})
        v2 = engine.ask("compose", "version").returncode == 0
        if not v2 and shutil.which("docker-compose") is None:
            pytest.skip("no compose project: neither docker compose nor docker-compose is installed")
        program = ("docker", "compose") if v2 else ("docker-compose",)
        self._command = (*program, "--project-name", name, "--file", str(_FILE), "--file", str(self._override))

    def _fewer_files(self, service: str) -> dict[str, Any]:
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        asked = self.services[service].get("ulimits", {}).get("nofile", {"hard": 0})["hard"]
        if self._engine.pulls or asked <= allowed:
            return {}
        return {"ulimits": {"nofile": {"soft": allowed, "hard": allowed}}}

    def url(self, service: str) -> str:
        """Where this machine reaches what it publishes."""
        return f"http://127.0.0.1:{self._ports[service]}"

    def compose(self, *arguments: str, seconds: float = _UP_SECONDS) -> str:
        """What ``docker compose …`` prints; it has to succeed."""
        done = self._engine.run(*self._command, *arguments, seconds=seconds, cwd=_ROOT)
        assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}\n{self.logs()}"
        return done.stdout

    def up(self, *services: str) -> None:
        """As ``make up`` does, without building: start what is not running, in order."""
        self.compose("up", "--detach", "--no-build", *(services or self.started))

    def down(self) -> None:
        """Away with it, and with what it stored."""
        words = ("--profile", "demo", "down", "--volumes", "--remove-orphans", "--timeout", "5")
        self._engine.run(*self._command, *words, seconds=_UP_SECONDS, cwd=_ROOT)

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of its container."""
        labels = {"project": self.name, "service": service}
        chosen = [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        number = self._engine.do("ps", "--all", "--quiet", *chosen)
        found: list[dict[str, Any]] = json.loads(self._engine.do("inspect", *number.split()))
        assert len(found) == 1, f"{service}: {len(found)} containers"
        return found[0]

    def inside(self, service: str, *command: str) -> str:
        """What a command prints in its container."""
        return self._engine.do("exec", self.container(service)["Id"], *command)

    def kill(self, service: str) -> None:
        """``docker kill -s KILL``, which no restart policy answers: whoever does it may not want it back."""
        self._engine.do("kill", "--signal", "KILL", self.container(service)["Id"])
        figures.injected(f"docker kill of {service}")

    def crash(self, service: str) -> None:
        """SIGKILL to its process from the engine's machine: it died by itself, and the restart policy brings it back."""
        before = self.container(service)
        assert before["State"]["Running"], service
        image = self.container("ingestion")["Image"]
        sent = f"kill -KILL {before['State']['Pid']}"
        # In the engine's process namespace, as a process cannot kill the first one of its own.
        options = ("--rm", "--pid=host", "--network=none", "--user=0", "--entrypoint=sh")
        self._engine.do("run", *options, image, "-c", sent)
        figures.injected(f"SIGKILL of {service}'s process")
        self.wait_until(
            lambda: self.container(service)["State"]["StartedAt"] != before["State"]["StartedAt"], f"{service} comes back"
        )

    def stop(self, service: str, seconds: int) -> int:
        """SIGTERM, and SIGKILL after so many seconds; the exit code."""
        number = self.container(service)["Id"]
        self._engine.do("stop", "-t", str(seconds), number)
        return int(self.container(service)["State"]["ExitCode"])

    def wait_until_healthy(self, *services: str) -> None:
        """Return when each has passed its health check, or runs where it has none."""
        for service in services:
            self.wait_until(lambda service=service: self._is_healthy(service), f"{service} is healthy")  # type: ignore[misc]

    def _is_healthy(self, service: str) -> bool:
        state = self.container(service)["State"]
        return bool(state["Running"]) and state.get("Health", {"Status": "healthy"})["Status"] == "healthy"

    def wait_until(self, true: Callable[[], bool], what: str) -> None:
        """Return when it is so, within the deadline. An answer that breaks off on its way is asked for again, and reported."""
        deadline = time.monotonic() + _WAIT_SECONDS

        def holds() -> bool:
            try:
                return true()
            except httpx.TransportError as error:
                figures.note(f"an answer broke off: {error}")
                return False

        while not holds():
            assert time.monotonic() < deadline, f"not within {_WAIT_SECONDS} s: {what}\n{self.logs()}"
            time.sleep(0.2)

    def logs(self) -> str:
        """The last lines of everything."""
        said = []
        for number in self._engine.ask("ps", "-aq", f"--filter=label=com.docker.compose.project={self.name}").stdout.split():
            state = self._engine.ask("inspect", "--format", "{{.Name}} {{.State.Status}} {{.State.ExitCode}}", number)
            last = self._engine.ask("logs", "--tail", "12", number)
            said.append(f"== {state.stdout.strip()}\n{last.stdout[-1500:]}{last.stderr[-1500:]}")
        return "\n".join(said)

    def ask(self, tenant: str, sql: str) -> list[dict[str, Any]]:
        """The rows of a tenant's statement, through the gateway."""
        answer = plain.post(
            f"{self.url('gateway')}/query",
            json={"customer_id": tenant, "sql": sql},
            headers={"Cache-Control": "no-cache"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])
