"""The distributed size: ingestion, consumer and analytics as three processes, on a Kafka and a ClickHouse server."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support import plain
from tests.support.checker import Stored, stored_by_engine, stored_by_server
from tests.support.clickhouse import ClickHouse, new_clickhouse
from tests.support.commands import millrace
from tests.support.server import Server

_STORED_SECONDS = 300.0


class Distributed:
    """Three services and their warehouse; the Kafka is the test's.

    Args:
        log_url: ``kafka://…``, where the topics are made or ``migrate`` makes them.
        environment: further settings of every service, as ``MILLRACE_…`` names.
    """

    def __init__(self, folder: Path, log_url: str, environment: dict[str, str] | None = None) -> None:
        self._folder = folder
        self.clickhouse: ClickHouse = new_clickhouse(folder / "clickhouse")
        self.environment = {
            "MILLRACE_LOG_URL": log_url,
            "MILLRACE_KAFKA_SESSION_SECONDS": "6",
            "MILLRACE_CONSUMER_FLUSH_SECONDS": "0.05",
            **self.clickhouse.environment,
            **(environment or {}),
        }
        self.ingestion, self.consumer, self.analytics = (self.service(name) for name in ("ingestion", "consumer", "analytics"))

    @property
    def services(self) -> Sequence[Server]:
        """In the order in which an event passes them."""
        return self.ingestion, self.consumer, self.analytics

    def service(self, command: str, name: str | None = None, **environment: str) -> Server:
        """One service more, not started.

        Args:
            name: of its folder; the command's by default.
        """
        return Server(self._folder / (name or command), {**self.environment, **environment}, ("millrace_standalone", command))

    def start(self) -> None:
        """Start the warehouse, then :meth:`serve`."""
        self.clickhouse.start()
        self.serve()

    def serve(self) -> None:
        """Make what is missing, start the services side by side."""
        done = millrace("migrate", seconds=120, **self.environment)
        assert done.code == 0, done.err
        for service in self.services:
            service.start(wait=False)
        for service in self.services:
            service.wait_until_ready()

    def stop(self) -> Sequence[int]:
        """SIGTERM to each service that runs, then the warehouse; the services' exit codes."""
        codes = [service.stop() for service in self.services if service.running]
        self.clickhouse.stop()
        return codes

    def kill(self) -> None:
        """SIGKILL to everything."""
        for service in self.services:
            if service.running:
                service.kill()
        self.clickhouse.kill()

    def ask(self, tenant: str, sql: str) -> list[dict[str, Any]]:
        """The rows of a tenant's statement."""
        answer = plain.post(
            f"{self.analytics.url}/query",
            json={"customer_id": tenant, "sql": sql},
            headers={"Cache-Control": "no-cache"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    def count(self, tenant: str) -> int:
        """How many of a tenant's events are stored."""
        return int(self.ask(tenant, f"SELECT count() AS n FROM events_raw WHERE customer_id = '{tenant}'")[0]["n"])

    async def until_stored(self, tenants: Sequence[str], events: int) -> None:
        """Return when so many events of the tenants are stored and the consumer is behind with none."""
        deadline = time.monotonic() + _STORED_SECONDS
        counted = -1
        while time.monotonic() < deadline:
            counted = sum([await asyncio.to_thread(self.count, tenant) for tenant in tenants])
            if counted >= events:
                return await asyncio.to_thread(self.consumer.wait_until_stored)
            await asyncio.sleep(0.2)
        raise AssertionError(f"{counted} of {events} are stored:\n{self.consumer.tail()}")

    def stored(self) -> Stored:
        """What the stopped warehouse holds."""
        if self.clickhouse.is_stand_in:
            return stored_by_engine(self.clickhouse.engine_folder)
        url = urlsplit(self.clickhouse.writer_url)
        self.clickhouse.start()
        try:
            return stored_by_server(f"http://{url.hostname}:{url.port}", url.username or "", url.password or "")
        finally:
            self.clickhouse.stop()
