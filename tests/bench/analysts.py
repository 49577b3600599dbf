"""Fifty analysts who ask whatever analysts ask, beside ingestion at a steady rate; and that rate without them.

``MILLRACE_BENCH_ANALYST_SECONDS`` says how long each of the two takes (60 of its own).
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from tests.bench.bodies import event
from tests.bench.processes import cpu_seconds, load, server
from tests.bench.table import Row

_SECONDS: Final = float(os.environ.get("MILLRACE_BENCH_ANALYST_SECONDS", "60"))
_ANALYSTS: Final = 50
_TENANTS: Final = 10
_RATE: Final = 100  # batches of 100 a second
_PAUSES: Final = (1.0, 3.0)
_HOUR: Final = {"last": 1, "unit": "hour"}
_TOLD: Final = ("How many page views were there today?", "top 10 pages by views today", "unique visitors in the last hour")


@dataclass
class _Answers:
    """What the analysts saw."""

    seconds: list[float] = field(default_factory=list)
    kinds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    cached: int = 0


def measure(folder: Path) -> Iterator[Row]:
    """The rows."""
    bodies = _bodies(folder / "bodies")
    with server(folder, MILLRACE_AI_QUESTIONS_AN_HOUR="0") as ours:
        url = f"{ours.url}/track/batch"
        began = cpu_seconds(ours.pid)
        alone = load(url, bodies, connections=16, seconds=_SECONDS, rate=_RATE)
        ours.wait_until_stored(_SECONDS + 60)
        alone["cpu"] = cpu_seconds(ours.pid) - began
        command = [sys.executable, "-m", "tests.bench.load", url, str(bodies), "--connections", "16"]
        command += ["--seconds", str(_SECONDS), "--rate", str(_RATE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as loading:
            found = asyncio.run(_ask(ours.url))
            report, _ = loading.communicate(timeout=120)
        beside: dict[str, Any] = json.loads(report)
        ours.wait_until_stored(_SECONDS + 60)
        beside["cpu"] = cpu_seconds(ours.pid) - began - alone["cpu"]
    assert set(alone["statuses"]) == set(beside["statuses"]) == {"200"}, (alone, beside)
    yield from _rows(found, alone, beside)


def _rows(found: _Answers, alone: dict[str, Any], beside: dict[str, Any]) -> Iterator[Row]:
    assert found.statuses.keys() <= {200, 429}, found.statuses
    p50, p95 = _at(found.seconds, 0.5), _at(found.seconds, 0.95)
    kinds = ", ".join(f"{kind} {_at(took, 0.95) * 1000:.0f}" for kind, took in sorted(found.kinds.items()))
    refused = found.statuses[429] / found.statuses.total()
    yield Row(
        f"{_ANALYSTS} analysts of {_TENANTS} tenants beside {beside['events_per_second']:,.0f} events/s, {_SECONDS:.0f} s",
        f"{len(found.seconds) / _SECONDS:.1f} answers/s, p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms ({kinds}); "
        f"{found.cached / max(1, len(found.seconds)):.0%} kept ones, {refused:.1%} told to wait (429)",
        "p95 <= 1 s",
        p95 <= 1,
    )
    for_answers = beside["cpu"] - alone["cpu"] * beside["accepted"] / alone["accepted"]
    told = f"{for_answers / max(1, len(found.seconds)) * 1000:.0f} ms an answer, kept ones included"
    event = alone["cpu"] / alone["accepted"] * 1e6
    yield Row("processor time of the server", f"{told}; {event:.0f} µs an event", "", None)
    kept = beside["events_per_second"] / alone["events_per_second"]
    told = f"{beside['events_per_second']:,.0f} against {alone['events_per_second']:,.0f} events/s alone: {kept:.2f}x"
    answers = f"answers p99 {beside['p99_ms']:.0f} against {alone['p99_ms']:.0f} ms"
    yield Row("ingestion beside them", f"{told}; {answers}", ">= 0.8x", kept >= 0.8)


async def _ask(url: str) -> _Answers:
    found, ends = _Answers(), time.monotonic() + _SECONDS
    limits = httpx.Limits(max_connections=_ANALYSTS, max_keepalive_connections=_ANALYSTS)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client, asyncio.TaskGroup() as group:
        for number in range(_ANALYSTS):
            group.create_task(_analyst(client, random.Random(number), f"t{number % _TENANTS}", ends, found))
    return found


async def _analyst(client: httpx.AsyncClient, chance: random.Random, tenant: str, ends: float, found: _Answers) -> None:
    """Asks, reads for a while, asks again. Who is told to wait has no answer: that is counted, and no time of it."""
    await asyncio.sleep(chance.uniform(0, _PAUSES[1]))
    while time.monotonic() < ends:
        kind, method, path, body = _question(chance, tenant)
        began = time.perf_counter()
        answer = await client.request(method, path, json=body)
        took = time.perf_counter() - began
        found.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            found.seconds.append(took)
            found.kinds.setdefault(kind, []).append(took)
            found.cached += answer.headers.get("x-cache") == "hit"
        await asyncio.sleep(chance.uniform(*_PAUSES))


def _question(chance: random.Random, tenant: str) -> tuple[str, str, str, dict[str, Any] | None]:
    """Kind, method, path and body of one."""
    kinds = ("dashboard", "trend", "sql", "funnel", "retention", "language")
    kind = chance.choices(kinds, (30, 25, 20, 10, 5, 10))[0]
    if kind == "dashboard":
        return kind, "GET", f"/dashboard/realtime/{tenant}", None
    if kind == "sql":
        sql = (
            f"SELECT page_path, count() AS events, uniq(visitor_id) AS visitors FROM events_raw WHERE customer_id = '{tenant}' "
            f"AND timestamp > now() - INTERVAL {chance.randrange(5, 60)} MINUTE GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
        )
        return kind, "POST", "/query", {"customer_id": tenant, "sql": sql}
    if kind == "language":
        return kind, "POST", "/ai/query", {"customer_id": tenant, "query": chance.choice(_TOLD)}
    questions: dict[str, dict[str, Any]] = {
        "trend": {
            "kind": "trend",
            "measures": [{"measure": "count"}, {"measure": "unique", "of": "visitor", "exact": False}],
            "by": [chance.choice(("event_type", "page_path", "referrer_domain", "browser"))],
            "range": _HOUR,
            "granularity": "minute",
            "top": 5,
        },
        "funnel": {
            "kind": "funnel",
            "steps": [{"where": {"field": "event_type", "value": each}} for each in ("page_view", "button_click")],
            "range": _HOUR,
        },
        "retention": {"kind": "retention", "range": {"last": 7, "unit": "day"}, "unit": "day"},
    }
    return kind, "POST", "/api/v1/questions", {"customer_id": tenant, "question": questions[kind]}


def _bodies(path: Path) -> Path:
    """Batches of 100 for the load generator, each of one tenant."""
    chance = random.Random(20)
    bodies = [
        json.dumps({"events": [{**event(chance), "customer_id": f"t{number % _TENANTS}"} for _ in range(100)]}).encode()
        for number in range(300)
    ]
    path.write_bytes(msgspec.msgpack.encode(bodies))
    return path


def _at(seconds: list[float], share: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
