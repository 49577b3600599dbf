"""The link that is mailed to whoever forgot a password, through a real mail server on this machine."""

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from tests.support.access import Platform, platform
from tests.support.server import free_port

_EMAIL, _PASSWORD, _FORGOTTEN = "ada@example.com", "correct horse battery", {"email": "Ada@example.com"}


@dataclass
class Mailbox:
    """What a mail server was given."""

    mails: list[Envelope] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Keep a mail."""
        self.mails.append(envelope)
        return "250 kept"

    def next(self) -> Envelope:
        """The next mail, which has to come."""
        deadline = time.monotonic() + 60
        while not self.mails:
            assert time.monotonic() < deadline, "no mail came"
            time.sleep(0.02)
        return self.mails.pop(0)


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    is_ours = isinstance(data, LoginPassword) and (data.login, data.password) == (b"millrace", b"p@ss/word")
    return AuthResult(success=is_ours, handled=is_ours)


@contextmanager
def _mail_server(scheme: str, certificate: trustme.LeafCert) -> Iterator[tuple[str, Mailbox]]:
    """Its URL and its mailbox. It asks for a login over TLS: from the start, or after STARTTLS."""
    box, port = Mailbox(), free_port()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    ways: dict[str, dict[str, Any]] = {
        "smtp": {"tls_context": tls, "require_starttls": True},
        "smtps": {"ssl_context": tls, "auth_require_tls": False},  # which it knows only of STARTTLS
    }
    server = Controller(
        box, hostname="127.0.0.1", port=port, authenticator=_authenticate, auth_required=True, ready_timeout=60, **ways[scheme]
    )
    server.start()
    try:
        yield f"{scheme}://millrace:p%40ss%2Fword@127.0.0.1:{port}?from=millrace@example.com", box
    finally:
        server.stop()


async def _member(served: Platform) -> None:
    made = await served.as_server("POST", "/users", json={"email": _EMAIL, "tenant": "shop", "role": "analyst"})
    token = made["link"].rpartition("token=")[2]
    assert (await served.http.post("/setup", data={"token": token, "password": "the first one, forgotten"})).status_code == 200


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # what aiosmtpd takes TLS from the start for
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_the_mailed_link_sets_a_password_once(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with _mail_server(scheme, authority.issue_cert("127.0.0.1")) as (url, box):
        async with platform(tmp_path / "data", smtp_url=url, public_url="https://events.example.com") as served:
            await _member(served)
            known, unknown = [
                await served.http.post("/auth/v1/password-forgotten", json=asked)
                for asked in (_FORGOTTEN, {"email": "nobody@example.com"})
            ]
            assert (known.status_code, known.text) == (200, unknown.text)
            # What is under way arrives before the end of the platform.
        mail = box.next()
        assert (mail.mail_from, mail.rcpt_tos) == ("millrace@example.com", [_EMAIL])
        assert isinstance(mail.content, bytes)
        found = re.search(rb"https://events\.example\.com/setup\?token=(mrt_\w+)", mail.content)
        assert found is not None
        assert box.mails == []
        async with platform(tmp_path / "data") as served:
            fields = {"token": found[1].decode(), "password": _PASSWORD}
            assert (await served.http.post("/setup", data=fields)).status_code == 200
            assert (await served.http.post("/setup", data=fields)).status_code == 401
            login = await served.http.post("/auth/v1/login", json={"email": _EMAIL, "password": _PASSWORD})
            assert login.status_code == 200


async def test_a_mail_server_that_nobody_trusts_or_reaches_changes_no_answer(tmp_path: Path) -> None:
    with _mail_server("smtp", trustme.CA().issue_cert("127.0.0.1")) as (distrusted, box):
        for url in (distrusted, f"smtp://127.0.0.1:{free_port()}?from=millrace@example.com"):
            async with platform(tmp_path / "data", smtp_url=url, public_url="https://events.example.com") as served:
                if not await served.as_server("GET", "/users"):
                    await _member(served)
                answer = await served.http.post("/auth/v1/password-forgotten", json=_FORGOTTEN)
                assert answer.status_code == 200
        assert box.mails == []
