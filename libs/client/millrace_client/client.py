"""The client for threads."""

import atexit
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from millrace_client.errors import MillraceError
from millrace_client.live import LiveStream
from millrace_client.options import Options
from millrace_client.questions import ASK_PATH, PATH, PlainAnswer, Rows, plain_answer_of, plain_question, question, rows_of
from millrace_client.sending import Sender, at_exit, begin_anew_after_fork
from millrace_client.tracking import Tracker


class Millrace(Tracker):
    """Tracks events from any thread, asks questions, follows live streams.

    Make one and keep it. Its thread starts with the first event; a forked process gets one of its own, and leaves what waited
    at the fork to its parent. What waits at the interpreter's end is sent then. Its arguments are those of ``Tracker``.
    """

    def __init__(
        self, url: str, key: str | None = None, *, customer_id: str | None = None, options: Options | None = None
    ) -> None:
        super().__init__(url, key, customer_id=customer_id, options=options)
        self._sender = Sender(self._buffer, self._delivery, self._options, self._connect)
        self._asking: httpx.Client | None = None
        begin_anew_after_fork(self)

    def begin_anew(self) -> None:
        """In a forked process: forget what belongs to the parent."""
        self._buffer.begin_anew()
        self._delivery.begin_anew()
        self._sender.begin_anew()
        self._asking = None
        self._ends_here = False

    def flush(self, timeout_seconds: float | None = None) -> bool:
        """Send what was tracked so far; whether all of it is settled (stored, or refused and told to ``on_failure``).

        Args:
            timeout_seconds: how long to wait; until it is done when not given.
        """
        wanted = self._buffer.hurry()
        if self._buffer.settled < wanted and not self._sender.start():
            return False  # the interpreter ends: what waits is sent by ``close``
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        with self._buffer.changed:
            while self._buffer.settled < wanted:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._buffer.changed.wait(left)
        return True

    def close(self, timeout_seconds: float | None = None) -> None:
        """Send what waits and stop; what cannot be delivered in time is dropped, counted and logged.

        Args:
            timeout_seconds: instead of the option ``shutdown_seconds``.
        """
        atexit.unregister(self.close)
        self._sender.stop(self._options.shutdown_seconds if timeout_seconds is None else timeout_seconds)
        if self._asking is not None:
            self._asking.close()

    def query(self, sql: str, *, customer_id: str | None = None) -> Rows:
        """The answer to a question in SQL, read-only and within the tenant.

        Raises:
            MillraceError: it was not answered.
        """
        answer = self._post(PATH, question(sql, customer_id or self._customer_id))
        return rows_of(answer.status_code, answer.headers, answer.content)

    def ask(self, text: str, *, customer_id: str | None = None, execute: bool = True) -> PlainAnswer:
        """The answer to a question in plain language.

        Args:
            execute: False asks for the statement alone.

        Raises:
            MillraceError: the server did not answer. A question that cannot be answered is an answer without success.
        """
        answer = self._post(ASK_PATH, plain_question(text, customer_id or self._customer_id, execute=execute))
        return plain_answer_of(answer.status_code, answer.headers, answer.content)

    def stream(self, *, customer_id: str | None = None, last_event_id: str | None = None) -> LiveStream:
        """The events of a tenant as they are accepted; iterate over it, in a thread of its own.

        Args:
            customer_id: the tenant, instead of the client's own.
            last_event_id: where to go on: ``last_event_id`` of an earlier stream.

        Raises:
            ValueError: no tenant is named.
        """
        return LiveStream(self._connect, customer_id or self._customer_id, last_event_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _wake(self) -> None:
        if not self._ends_here:
            self._ends_here = True
            at_exit(self.close)
        self._sender.start()

    def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        if self._asking is None:
            self._asking = self._connect()
        try:
            return self._asking.post(path, json=body)
        except httpx.HTTPError as error:
            raise MillraceError(f"the server cannot be asked: {error!r}", code="unreachable") from error

    def _connect(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, headers=self._headers, timeout=self._options.timeout_seconds)
