"""A real Prometheus, with our rules, on what a test runs. Intervals are a second."""

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.support import plain
from tests.support.server import free_port

_RULES: Final = Path(__file__).parents[2] / "prometheus/rules"
_START_SECONDS: Final = 60.0


class Prometheus:
    """Asks a running one."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, text: str) -> list[dict[str, Any]]:
        """The series of an instant query.

        Raises:
            AssertionError: Prometheus does not take the text.
        """
        answer = plain.get(f"{self.url}/api/v1/query", params={"query": text}, timeout=20)
        said = answer.json()
        assert said["status"] == "success", f"{text}: {said.get('error')}"
        found: list[dict[str, Any]] = said["data"]["result"]
        return found

    def firing(self) -> Mapping[str, dict[str, str]]:
        """The labels of each alert that fires, by its name."""
        return {one["metric"]["alertname"]: one["metric"] for one in self.ask('ALERTS{alertstate="firing"}')}

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Return when it holds, which has to be within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.2)
        raise AssertionError(f"not within {seconds:g} s: {what}")


@contextlib.contextmanager
def prometheus_on(folder: Path, targets: Mapping[str, str], rules: Sequence[Path] | None = None) -> Iterator[Prometheus]:
    """One that scrapes these services (by name: host and port).

    Args:
        folder: of its own.
        rules: instead of those of the project.
    """
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    folder.mkdir(parents=True)
    jobs = [{"targets": [target], "labels": {"service": service}} for service, target in targets.items()]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules or sorted(_RULES.glob("*.yml"))],
        "scrape_configs": [{"job_name": "millrace", "static_configs": jobs}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    arguments = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen([program, *arguments, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        found = Prometheus(f"http://{address}")
        found.wait_until(lambda: _answers(found.url), (folder / "prometheus.log").read_text()[-2000:], _START_SECONDS)
        yield found
    finally:
        running.terminate()
        running.wait(20)


def quick(text: str) -> str:
    """Rules whose waits and windows are seconds where they were minutes: what is caused is seen soon."""
    waits = re.sub(r"for: \d+[mh]", "for: 2s", text)
    return re.sub(r"\[(?:5m|10m|15m|30m|1h|6h)\]", "[10s]", waits)


def _answers(url: str) -> bool:
    try:
        return plain.get(f"{url}/-/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
