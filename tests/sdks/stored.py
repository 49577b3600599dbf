"""What the tests of both kinds of packages share: what is stored of their events, and a server that is killed."""

import gzip
import json
import threading
from typing import Any, Final

from tests.support import plain
from tests.support.server import Server

A_MINUTE: Final = 600
"""Events that a tenant of these servers may send."""
BODY_BYTES: Final = 24 * 1024
"""That they take in a request: fifty events of these packages or so."""
_RESTART_SECONDS = 120.0


def tenant_of(title: str, case: str) -> str:
    """One for each test."""
    return f"{title.strip('@').replace('/', '-').replace(' ', '-').replace('(', '').replace(')', '')}-{case}"


def rows(server: Server, tenant: str, columns: str = "*") -> list[dict[str, Any]]:
    """What is stored of a tenant."""
    server.wait_until_stored()
    sql = f"SELECT {columns} FROM events_raw WHERE customer_id = '{tenant}' ORDER BY event_type, properties"
    answer = plain.post(
        f"{server.url}/query", json={"customer_id": tenant, "sql": sql}, headers={"Cache-Control": "no-cache"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def numbers(server: Server, tenant: str) -> list[int]:
    """Of the stored orders, sorted; each should be there once."""
    found = rows(server, tenant, "event_type, properties")
    return sorted(json.loads(row["properties"])["number"] for row in found if row["event_type"] == "Order Completed")


def exceed_limit(server: Server, tenant: str, seconds: int = 6) -> None:
    """Send so much that the tenant's next events have to wait for so long."""
    event = {"customer_id": tenant, "visitor_id": "v", "event_type": "before"}
    body = gzip.compress(json.dumps({"events": [event] * (A_MINUTE + A_MINUTE * seconds // 60)}).encode())
    headers = {"Content-Encoding": "gzip"}
    assert plain.post(f"{server.url}/track/batch", content=body, headers=headers, timeout=30).status_code == 200


class Restart:
    """SIGKILL, and a start on the same folder and port, in the relay's thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._done = threading.Event()

    def __call__(self) -> None:
        """Do it."""
        self._server.kill()
        self._server.start()
        self._done.set()

    def wait(self) -> None:
        """Return when the server is there again."""
        assert self._done.wait(_RESTART_SECONDS)
