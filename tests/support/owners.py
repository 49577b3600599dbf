"""A real server where credentials are required, with people who sign in on its page."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import expect

from tests.support import plain
from tests.support.access import bearer
from tests.support.page import Visit
from tests.support.server import Server

PASSWORD: Final = "correct horse battery"
_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Owned:
    """A running server, and what its operator does."""

    server: Server

    @property
    def url(self) -> str:
        """Of the server."""
        return self.server.url

    def admin(self, method: str, path: str, **given: Any) -> Any:
        """The answer of an admin route, which has to be a success."""
        token = json.loads((self.server.data_dir / "server.json").read_text())["token"]
        answer = plain.request(method, f"{self.url}/admin/v1{path}", headers=bearer(token), timeout=30, **given)
        assert answer.is_success, answer.text
        return answer.json()

    def person(self, email: str, role: str, tenant: str = "shop") -> None:
        """Somebody with a password."""
        made = self.admin("POST", "/users", json={"email": email, "tenant": tenant, "role": role})
        token = made["link"].rpartition("token=")[2]
        answer = plain.post(f"{self.url}/setup", data={"token": token, "password": PASSWORD}, timeout=60)
        assert answer.status_code == 200, answer.text

    def wait_for_role(self, email: str, role: str | None, tenant: str = "shop") -> None:
        """Return when this is what they are to the tenant."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (found := self._role(email, tenant)) != role:
            assert time.monotonic() < deadline, f"{email} is {found} of {tenant}"
            time.sleep(0.05)

    def sign_in(self, visit: Visit, email: str, password: str = PASSWORD) -> None:
        """As a person does, from whatever view is opened first."""
        page = visit.open("settings")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()

    def _role(self, email: str, tenant: str) -> str | None:
        found = [one for one in self.admin("GET", "/users") if one["email"] == email]
        return found[0]["roles"].get(tenant) if found else None


@contextmanager
def owned_server(data_dir: Path) -> Iterator[Owned]:
    """Start it; stop it at the end."""
    server = Server(data_dir, {"MILLRACE_AUTH": "required"})
    server.start()
    try:
        yield Owned(server)
    finally:
        code = server.stop()
    assert code == 0
