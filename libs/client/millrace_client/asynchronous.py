"""The client for tasks."""

import asyncio
import atexit
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from millrace_client.delivery import PATH as TRACK_PATH
from millrace_client.delivery import Answer, Pause
from millrace_client.errors import MillraceError
from millrace_client.live import AsyncLiveStream
from millrace_client.options import Options, log
from millrace_client.questions import ASK_PATH, PATH, PlainAnswer, Rows, plain_answer_of, plain_question, question, rows_of
from millrace_client.sending import Sender, at_exit, begin_anew_after_fork
from millrace_client.tracking import Tracker


class AsyncMillrace(Tracker):
    """Tracks events, asks questions, follows live streams, on an event loop.

    ``track``, ``page`` and ``identify`` are plain calls, from the loop or from any thread. Open it with ``async with`` (or
    close it with ``aclose``) on the loop on which it is used. What waits when the loop ends without that is sent when the
    interpreter ends. Its arguments are those of ``Tracker``.
    """

    def __init__(
        self, url: str, key: str | None = None, *, customer_id: str | None = None, options: Options | None = None
    ) -> None:
        super().__init__(url, key, customer_id=customer_id, options=options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._http: httpx.AsyncClient | None = None
        self._forget_loop()
        begin_anew_after_fork(self)

    def begin_anew(self) -> None:
        """In a forked process: forget what belongs to the parent."""
        self._buffer.begin_anew()
        self._delivery.begin_anew()
        self._ends_here = False
        self._forget_loop()

    async def flush(self, timeout_seconds: float | None = None) -> bool:
        """Send what was tracked so far; whether all of it is settled (stored, or refused and told to ``on_failure``).

        Args:
            timeout_seconds: how long to wait; until it is done when not given.
        """
        self._attach()
        wanted = self._buffer.hurry()
        self._news.set()
        try:
            async with asyncio.timeout(timeout_seconds):
                while self._buffer.settled < wanted:
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    async def aclose(self, timeout_seconds: float | None = None) -> None:
        """Send what waits and stop; what cannot be delivered in time is dropped, counted and logged.

        Args:
            timeout_seconds: instead of the option ``shutdown_seconds``.
        """
        atexit.unregister(self._send_rest)
        self._buffer.close()
        if self._buffer.unsettled:
            self._attach()
        self._news.set()
        if self._task is not None:
            limit = self._options.shutdown_seconds if timeout_seconds is None else timeout_seconds
            await asyncio.wait({self._task}, timeout=limit)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._delivery.give_up()
        if self._http is not None:
            await self._http.aclose()
        self._forget_loop()

    async def query(self, sql: str, *, customer_id: str | None = None) -> Rows:
        """The answer to a question in SQL, read-only and within the tenant.

        Raises:
            MillraceError: it was not answered.
        """
        answer = await self._post(PATH, question(sql, customer_id or self._customer_id))
        return rows_of(answer.status_code, answer.headers, answer.content)

    async def ask(self, text: str, *, customer_id: str | None = None, execute: bool = True) -> PlainAnswer:
        """The answer to a question in plain language.

        Args:
            execute: False asks for the statement alone.

        Raises:
            MillraceError: the server did not answer. A question that cannot be answered is an answer without success.
        """
        answer = await self._post(ASK_PATH, plain_question(text, customer_id or self._customer_id, execute=execute))
        return plain_answer_of(answer.status_code, answer.headers, answer.content)

    async def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        self._attach()
        try:
            return await self._connected().post(path, json=body)
        except httpx.HTTPError as error:
            raise MillraceError(f"the server cannot be asked: {error!r}", code="unreachable") from error

    def stream(self, *, customer_id: str | None = None, last_event_id: str | None = None) -> AsyncLiveStream:
        """The events of a tenant as they are accepted; iterate over it with ``async for``.

        Args:
            customer_id: the tenant, instead of the client's own.
            last_event_id: where to go on: ``last_event_id`` of an earlier stream.

        Raises:
            ValueError: no tenant is named.
        """
        return AsyncLiveStream(self._connect, customer_id or self._customer_id, last_event_id)

    async def __aenter__(self) -> Self:
        self._attach()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _wake(self) -> None:
        if not self._ends_here:
            self._ends_here = True
            at_exit(self._send_rest)
        own = self._loop if self._loop is not None and not self._loop.is_closed() else None
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:  # another thread, or no loop yet: then the events wait for one, or for the interpreter's end
            if own is not None:
                own.call_soon_threadsafe(self._news.set)
            return
        if own is None or own is running:
            self._attach()
            self._news.set()
        else:
            own.call_soon_threadsafe(self._news.set)

    def _attach(self) -> None:
        """Send on the running loop from now on.

        Raises:
            RuntimeError: the client belongs to another loop, which is still open.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                raise RuntimeError("this client belongs to another event loop: make one for each")
            self._forget_loop()
            self._loop = loop
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run(), name="millrace-client")

    def _forget_loop(self) -> None:
        self._loop = self._task = self._http = None
        self._news = asyncio.Event()
        self._progress = asyncio.Event()

    def _connect(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=self._options.timeout_seconds)

    def _connected(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = self._connect()
        return self._http

    async def _run(self) -> None:
        while await self._wait_until_due():
            try:
                pause = await self._send()
            except Exception as error:  # noqa: BLE001 -- whatever a transport raises: the events are safe here and are sent again
                log.exception("sending failed")
                pause = self._delivery.failed(repr(error))
            self._progress.set()
            await self._sleep(pause)

    async def _wait_until_due(self) -> bool:
        while not self._delivery.under_way:
            self._news.clear()
            due = self._buffer.seconds_until_due()
            if due == 0.0:
                return True
            if due is None and self._buffer.closed:
                return False
            await self._wait_for_news(due)
        return True

    async def _wait_for_news(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _send(self) -> Pause:
        request = self._delivery.next_request()
        if request is None:
            return Pause()
        try:
            answer = await self._connected().post(TRACK_PATH, content=request.body, headers=request.headers)
        except httpx.HTTPError as error:
            return self._delivery.failed(repr(error))
        return self._delivery.answered(request, Answer(answer.status_code, answer.headers, answer.content))

    async def _sleep(self, pause: Pause) -> None:
        """Wait. Closing ends a pause that the server did not ask for."""
        until, closed = time.monotonic() + pause.seconds, self._buffer.closed
        while (left := until - time.monotonic()) > 0:
            if self._buffer.closed and not closed and not pause.asked:
                return
            self._news.clear()
            await self._wait_for_news(left)

    def _send_rest(self) -> None:
        """At the interpreter's end, behind the last loop."""
        if self._buffer.unsettled:
            self._sender().stop(self._options.shutdown_seconds)

    def _sender(self) -> Sender:
        return Sender(self._buffer, self._delivery, self._options, self._connect_blocking)

    def _connect_blocking(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, headers=self._headers, timeout=self._options.timeout_seconds)
