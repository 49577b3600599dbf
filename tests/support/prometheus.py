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
from tests.support.server import Server, free_port

_RULES: Final = Path(__file__).parents[2] / "prometheus/rules"
_START_SECONDS: Final = 60.0
TENANT: Final = "shop"
"""Of what alerts are tried with."""


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

    def firing(self) -> set[str]:
        """The alerts that fire."""
        return {one["metric"]["alertname"] for one in self.ask('ALERTS{alertstate="firing"}')}

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Return when it holds, which has to be within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.2)
        raise AssertionError(f"not within {seconds:g} s: {what}")

    def fires(self, *alerts: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Return when each of these has fired.

        Args:
            meanwhile: called again and again: what causes them.
        """
        seen: set[str] = set()

        def all_seen() -> bool:
            meanwhile()
            seen.update(self.firing())
            return seen >= set(alerts)

        try:
            self.wait_until(all_seen, "", seconds=120)
        except AssertionError:
            pytest.fail(f"{sorted(set(alerts) - seen)} did not fire, {sorted(seen)} did")


@contextlib.contextmanager
def watched(folder: Path, *servers: Server, others: Mapping[str, str] | None = None) -> Iterator[Prometheus]:
    """One with the quick rules on these servers, once one of them is scraped."""
    targets = {f"service{number}": server.url.removeprefix("http://") for number, server in enumerate(servers)}
    watching = folder / "prometheus"
    watching.mkdir()
    with prometheus_on(watching, targets, quick(watching), others) as prometheus:
        prometheus.wait_until(lambda: bool(prometheus.ask('up{job="millrace"} == 1')), "something is scraped")
        yield prometheus


@contextlib.contextmanager
def prometheus_on(
    folder: Path,
    targets: Mapping[str, str],
    rules: Sequence[Path] | None = None,
    others: Mapping[str, str] | None = None,
) -> Iterator[Prometheus]:
    """One that scrapes these services (by name: host and port).

    Args:
        folder: of its own.
        rules: instead of those of the project.
        others: what is scraped besides the services, by its job.
    """
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [{"targets": [target], "labels": {"service": service}} for service, target in targets.items()]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules or sorted(_RULES.glob("*.yml"))],
        "scrape_configs": [
            {"job_name": "millrace", "static_configs": jobs},
            *({"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in (others or {}).items()),
        ],
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


def quick(folder: Path) -> list[Path]:
    """The rules of the project in seconds where they are in minutes, so that what is caused is seen soon: windows of ten
    seconds (two minutes where something is counted), waits of two, limits of age a twentieth; yesterday is a quarter of a
    minute ago."""
    made = []
    for path in sorted(_RULES.glob("*.yml")):
        text = re.sub(r"for: \d+[mh]", "for: 2s", path.read_text())
        # What happened once is to be seen although the process was away for a while.
        text = re.sub(r"(increase\(\w+(?:\{[^}]*\})?)\[(?:1h|6h)\]", r"\1[2m]", text)
        text = re.sub(r"\[(?:5m|10m|15m|30m|1h|6h)\]", "[10s]", text).replace("offset 1d", "offset 15s")
        for limit in ("spill_oldest_seconds) > 300", "lag_seconds:max > 60", "freshness_seconds:p95_5m > 30"):
            told, _, seconds = limit.rpartition(" ")
            text = text.replace(limit, f"{told} {int(seconds) / 20:g}")
        made.append(folder / path.name)
        made[-1].write_text(text)
    return made


def _answers(url: str) -> bool:
    try:
        return plain.get(f"{url}/-/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def send_clicks(server: Server, events: int = 1, padding: int = 0) -> int:
    """Post a batch of ``TENANT``; the status."""
    event = {"customer_id": TENANT, "visitor_id": "v", "event_type": "click", "properties": {"text": "x" * padding}}
    return plain.post(f"{server.url}/track/batch", json={"events": [event] * events}, timeout=30).status_code


def ask_for(server: Server, path: str, **body: Any) -> int:
    """Post a question of ``TENANT``; the status."""
    return plain.post(f"{server.url}{path}", json={"customer_id": TENANT, **body}, timeout=60).status_code
