"""The whole platform in this process where credentials are required, and keys for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi.routing import iter_route_contexts

from millrace_core.access import ALL_TENANTS
from millrace_standalone.process import Process
from millrace_standalone.settings import StandaloneSettings
from millrace_standalone.wiring import _Dispatch, open_platform

SERVER_TOKEN = "of-this-start"
ODD_COOKIES = (
    'prefs={"theme":"dark"}',
    "a[b]=1",
    "nameless",
    "=1",
    'n="abc',
    "städte=köln",
    "a=b=c",
    "x y=1",
    ";;",
    "$Version=1",
)
"""What other applications of the same host set, too."""


@dataclass
class Platform:
    """One platform, and a client that sends no credential by itself."""

    process: Process
    http: httpx.AsyncClient

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Method and path of every route that FastAPI serves; ingestion has a table of its own."""
        dispatch = self.process.app
        assert isinstance(dispatch, _Dispatch)
        app: Any = dispatch._rest
        found = [
            (str(method), str(route.path).replace(":path}", "}"))
            for route in iter_route_contexts(app.routes)
            for method in route.methods or ()
        ]
        assert len(found) > 30
        return sorted(route for route in found if route[0] != "HEAD")

    async def as_server(self, method: str, path: str, **given: Any) -> Any:
        """The answer of an admin route, which has to be a success."""
        answer = await self.http.request(method, f"/admin/v1{path}", headers=bearer(SERVER_TOKEN), **given)
        assert answer.is_success, answer.text
        return answer.json()

    async def key(self, tenant: str = "mine", kind: str = "secret", **asked: Any) -> dict[str, Any]:
        """A new key of this tenant, with its secret in ``key``; a secret one may do everything if nothing is said."""
        scopes = {"scopes": ["admin"]} if kind == "secret" else {}
        made = await self.as_server("POST", "/keys", json={"tenant": tenant, "kind": kind, **scopes, **asked})
        return dict(made)

    async def secret(self, tenant: str = "mine", kind: str = "secret", **asked: Any) -> str:
        """Likewise, the secret alone."""
        return str((await self.key(tenant, kind, **asked))["key"])


def bearer(secret: str) -> dict[str, str]:
    """The header of a credential."""
    return {"Authorization": f"Bearer {secret}"}


@asynccontextmanager
async def platform(folder: Path, **settings: Any) -> AsyncIterator[Platform]:
    """Open it, with ``MILLRACE_AUTH=required`` if nothing else is said."""
    folder.mkdir(exist_ok=True)
    given = StandaloneSettings.load(data_dir=folder, **{"auth": "required", **settings})
    async with open_platform(given) as process:
        process.admin_token = SERVER_TOKEN
        transport = httpx.ASGITransport(process.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield Platform(process, http)
        process.begin_stop()


EVERYONE = ALL_TENANTS
