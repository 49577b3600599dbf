"""The distributed size as ``docker-compose.yml`` runs it: started in order, closed, reachable, watched, and killed."""

import asyncio
import dataclasses
import random
import re
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from millrace_core.time import now_ms
from millrace_ingestion.protocols.routes import ROUTES
from tests.support import figures, plain
from tests.support.checker import assert_exact, stored_by_server
from tests.support.compose import SERVICES, ComposeProject
from tests.support.writers import CurrentUrl, Writers

pytestmark = pytest.mark.images

_TENANTS = ("fault_a", "fault_b")
_PREFIXES = {"ingestion": ("", "/ingestion"), "analytics": ("", "/analytics"), "consumer": ("/consumer",)}
"""Where the gateway has the paths of each service; the pages that all have stand at the root for analytics alone."""
_OF_ALL = frozenset({"/", "/health", "/live", "/ready", "/metrics"})


def test_what_depends_on_others_starts_behind_them(project: ComposeProject) -> None:
    states = {service: project.container(service)["State"] for service in project.started}

    def at(service: str, name: str) -> datetime:
        return datetime.fromisoformat(states[service][name])

    assert states["migrate"]["ExitCode"] == 0
    for service in SERVICES:
        assert at(service, "StartedAt") >= at("migrate", "FinishedAt")
    for neighbour in ("kafka", "clickhouse", "postgres"):
        assert at(neighbour, "StartedAt") < at("migrate", "StartedAt")
        assert states[neighbour]["Health"]["Status"] == "healthy"
    assert {project.container(service)["RestartCount"] for service in project.started} == {0}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_nobody_writes_nowhere_and_has_bounded_memory(project: ComposeProject, service: str) -> None:
    assert project.inside(service, "id", "-u") == "10001"
    refused = project.inside(
        service, "sh", "-c", "touch /opt/millrace/x /usr/x 2>&1; touch /data/x /tmp/x && rm /data/x /tmp/x"
    )
    assert refused.count("Read-only file system") == 2
    assert len(refused.splitlines()) == 2
    status = dict(line.split(":\t", 1) for line in project.inside(service, "cat", "/proc/1/status").splitlines())
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    asked = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes"
    limit = {"512m": 2**29, "1g": 2**30}[project.services[service]["mem_limit"]]
    assert int(project.inside(service, "sh", "-c", asked)) == limit


def test_everything_else_has_bounded_memory_too(project: ComposeProject) -> None:
    limits = {service: project.container(service)["HostConfig"]["Memory"] for service in project.started}
    assert min(limits.values()) >= 2**27
    assert max(limits.values()) <= 2**32


def _status(client: httpx.Client, method: str, url: str) -> int:
    with client.stream(method, url) as answer:  # a live stream has no end
        return answer.status_code


@pytest.mark.parametrize("service", SERVICES)
def test_the_gateway_reaches_every_path_of_every_service(project: ComposeProject, service: str) -> None:
    described = plain.get(f"{project.url(service)}/openapi.json", timeout=20).json()["paths"]
    assert described.keys() >= _OF_ALL
    if service == "ingestion":
        described |= {route.path: route.methods for route in ROUTES}
    asked = 0
    with httpx.Client(timeout=20) as client:
        for path, method in [(path, method) for path, methods in described.items() for method in methods]:
            there = re.sub(r"\{[^}]*\}", "shop", path)
            direct = _status(client, method, project.url(service) + there)
            for prefix in _PREFIXES[service]:
                if prefix or path not in _OF_ALL or service == "analytics":
                    through = _status(client, method, f"{project.url('gateway')}{prefix}{there}")
                    assert through == direct, (method, prefix + there)
                    asked += 1
    assert asked >= len(described)
    documents = plain.get(f"{project.url('gateway')}/{service}/docs", timeout=20)
    assert documents.status_code == 200


def test_an_event_that_the_gateway_took_is_answered_for_by_it(project: ComposeProject) -> None:
    gateway = project.url("gateway")
    with plain.stream("GET", f"{gateway}/events/stream/through", timeout=30) as stream:
        event = {"customer_id": "through", "visitor_id": "v", "event_type": "signup"}
        answer = plain.post(f"{gateway}/track", json=event, timeout=20)
        assert answer.status_code == 200
        assert answer.json()["durable"] == "log"
        assert any("signup" in line for line in stream.iter_lines())  # which ends at the time limit of a read
    counting = "SELECT count() AS n FROM events_raw WHERE customer_id = 'through'"
    project.wait_until(lambda: project.ask("through", counting) == [{"n": 1}], "the event is stored")
    seen = plain.get(f"{gateway}/dashboard/realtime/through", timeout=20)
    assert seen.status_code == 200


def test_prometheus_scrapes_the_three_services_and_has_the_rules(project: ComposeProject) -> None:
    prometheus = f"{project.url('prometheus')}/api/v1"

    def up() -> set[str]:
        targets = plain.get(f"{prometheus}/targets", timeout=20).json()["data"]["activeTargets"]
        return {target["labels"].get("service", "") for target in targets if target["health"] == "up"}

    project.wait_until(lambda: up() >= set(SERVICES), "every target of ours is up")
    groups = plain.get(f"{prometheus}/rules", timeout=20).json()["data"]["groups"]
    assert "millrace-promise" in {group["name"] for group in groups}
    assert {rule["lastError"] for group in groups for rule in group["rules"] if "lastError" in rule} <= {""}


def test_the_command_line_asks_the_running_consumer(project: ComposeProject) -> None:
    assert "\nLag  " in project.compose("exec", "-T", "consumer", "millrace", "status")


def test_the_demo_fills_its_shop_through_the_gateway(project: ComposeProject) -> None:
    project.compose("--profile", "demo", "up", "--detach", "--no-build", "--no-deps", "demo")
    counting = "SELECT count() AS n FROM events_raw WHERE customer_id = 'demo_tenant'"
    try:
        project.wait_until(lambda: project.ask("demo_tenant", counting)[0]["n"] > 10_000, "the shop has visitors")
    finally:
        project.compose("--profile", "demo", "rm", "--stop", "--force", "demo")


async def test_kills_of_each_container_lose_and_double_nothing(project: ComposeProject, tmp_path: Path) -> None:
    seed = figures.seed()
    chance = random.Random(seed)
    passing = frozenset({502, 503, 504})  # the gateway's, while ingestion is away
    writers = Writers(CurrentUrl(project.url("gateway")), tmp_path / "acked", seed, now_ms(), passing)
    enough = asyncio.Event()
    victims = [service for service in project.started if service != "migrate"]
    writing = asyncio.create_task(writers.write(writers=3, batch_events=60, enough=enough))
    for victim in victims:
        await asyncio.to_thread(project.crash, victim)
        await asyncio.sleep(chance.uniform(0.0, 2.0))
        await asyncio.to_thread(project.kill, victim)
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        await asyncio.to_thread(project.up)
    await asyncio.to_thread(project.wait_until_healthy, *victims)
    enough.set()
    async with asyncio.timeout(120):
        await writing
    sent = writers.sent
    await asyncio.to_thread(_until_stored, project, len(sent.events))
    assert [await asyncio.to_thread(project.stop, service, 10) for service in SERVICES] == [0, 0, 0]
    assert sent.acknowledged == sent.events.keys()
    password = project.passwords["CLICKHOUSE_WRITER_PASSWORD"]
    stored = await asyncio.to_thread(stored_by_server, project.url("clickhouse"), "millrace_writer", password)
    ours = {event_id: event for event_id, event in stored.events.items() if event[0] in _TENANTS}
    assert_exact(sent, dataclasses.replace(stored, events=ours))
    print(f"{len(sent.events)} events, {sent.posts} posts, {sent.retries} sent again")  # noqa: T201


def _until_stored(project: ComposeProject, events: int) -> None:
    def count(tenant: str) -> int:
        return int(project.ask(tenant, f"SELECT count() AS n FROM events_raw WHERE customer_id = '{tenant}'")[0]["n"])

    project.wait_until(lambda: sum(count(tenant) for tenant in _TENANTS) >= events, f"{events} events are stored")

    def lag() -> int:
        return int(plain.get(f"{project.url('consumer')}/health", timeout=20).json()["details"]["lag"]["events"])

    project.wait_until(lambda: lag() == 0, "the consumer is behind with none")
