"""No request, batch or stream holds the event loop up with a file, a socket, a lock or a sleep."""

import asyncio
import gzip
import json
from pathlib import Path

import httpx
import pytest

from tests.support.analytics import post, streaming, view
from tests.support.server import Server

pytestmark = pytest.mark.minutes


async def test_the_loop_waits_for_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", {"MILLRACE_CONSUMER_AUDIT_SECONDS": "0.5"}, ("tests.support.unblocked",))
    await asyncio.to_thread(server.start)
    try:
        async with streaming(server, "shop") as stream:
            await stream.next("other")
            for number in range(20):
                await asyncio.to_thread(post, server, *(view("shop", f"v{number}-{one}") for one in range(50)))
            await stream.types(100)
        large = gzip.compress(json.dumps({"events": [view("shop", f"w{one}") for one in range(5000)]}).encode())
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            assert (await client.post("/track/batch", content=large)).status_code == 200
            await asyncio.to_thread(server.wait_until_stored)
            sql = {"customer_id": "shop", "sql": "SELECT count() AS n FROM events_raw WHERE customer_id = 'shop'"}
            assert (await client.post("/query", json=sql)).json()["data"] == [{"n": 6000}]
            for path in ("/dashboard/realtime/shop", "/health", "/ready", "/metrics", "/openapi.json", "/"):
                assert (await client.get(path)).status_code == 200, path
            token = json.loads((server.data_dir / "server.json").read_text())["token"]
            for path in ("/admin/v1/status", "/admin/v1/dead-letters"):
                answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == 200, (path, answer.text)
    finally:
        code = await asyncio.to_thread(server.stop)
    log = server.log.read_text()
    assert "Blocking" not in log, log
    assert code == 0
