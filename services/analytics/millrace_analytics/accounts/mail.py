"""Mail of one kind: a link to set a password. Sent beside the request, which does not tell whether there is such a user."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import structlog

_SECONDS: Final = 10.0
_log = structlog.get_logger("millrace.mail")


class Mail:
    """Sends through one SMTP server.

    Args:
        url: ``smtp://<user>:<password>@<host>:587?from=<address>`` (STARTTLS where the server has it), or ``smtps://``.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._from = parse_qs(self._url.query).get("from", [""])[0]
        self._sending: set[asyncio.Task[None]] = set()

    def send_link(self, to: str, link: str) -> None:
        """Send a link, in the background."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._from, to, "Set your password for Millrace"
        message.set_content(f"Set your password here, within a day:\n\n{link}\n\nIf you did not ask for this, do nothing.\n")
        task = asyncio.create_task(self._send(message), name="mail")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        """Let what is under way arrive."""
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _send(self, message: EmailMessage) -> None:
        try:
            await asyncio.to_thread(self._deliver, message)
        except (OSError, smtplib.SMTPException) as error:
            _log.warning("mail_not_sent", cause=str(error))

    def _deliver(self, message: EmailMessage) -> None:
        host, context = self._url.hostname or "", ssl.create_default_context()
        if self._url.scheme == "smtps":
            with smtplib.SMTP_SSL(host, self._url.port or 465, timeout=_SECONDS, context=context) as server:
                self._hand_over(server, message)
            return
        with smtplib.SMTP(host, self._url.port or 587, timeout=_SECONDS) as server:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            self._hand_over(server, message)

    def _hand_over(self, server: smtplib.SMTP, message: EmailMessage) -> None:
        if self._url.username:
            server.login(unquote(self._url.username), unquote(self._url.password or ""))
        server.send_message(message)
