"""Sending from a thread of its own, or from whoever closes the client."""

import atexit
import contextlib
import multiprocessing.process
import multiprocessing.util
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, Protocol

import httpx

from millrace_client.buffer import Buffer
from millrace_client.delivery import PATH, Answer, Delivery, Pause
from millrace_client.options import Options, log

_LEAST_TIMEOUT: Final = 0.1  # seconds


class Sender:
    """Sends batches, one after the other, until it is stopped.

    Args:
        connect: makes the HTTP client, in the thread that first sends.
    """

    def __init__(self, buffer: Buffer, delivery: Delivery, options: Options, connect: Callable[[], httpx.Client]) -> None:
        self._buffer = buffer
        self._delivery = delivery
        self._options = options
        self._connect = connect
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget thread and connections, which a forked process does not have."""
        self._http: httpx.Client | None = None
        self._thread: threading.Thread | None = None
        self._stop_at: float | None = None
        self._starting = threading.Lock()

    def start(self) -> bool:
        """Start the thread where there is none; whether there is one. At the interpreter's end none can be started: then
        ``stop`` sends."""
        with self._starting:
            if self._thread is None and self._stop_at is None:
                thread = threading.Thread(target=self.run, name="millrace-client", daemon=True)
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
            return self._thread is not None

    def stop(self, seconds: float) -> None:
        """Send what waits, for so long at most; what is left then is dropped."""
        with self._starting:
            self._stop_at = time.monotonic() + seconds
        self._buffer.close()
        if self._thread is None or not self._thread.is_alive():
            self.run()
        elif self._thread is not threading.current_thread():
            self._thread.join(seconds)
        self._delivery.give_up()  # a thread that still waits for its answer finds nothing to settle

    def run(self) -> None:
        """Send until the buffer is closed and empty, or the time of a stop is over."""
        try:
            while self._wait_until_due():
                try:
                    pause = self._send()
                except Exception as error:  # noqa: BLE001 -- whatever a transport raises: the events are safe here and are sent again
                    log.exception("sending failed")
                    pause = self._delivery.failed(repr(error))
                self._sleep(pause)
        finally:
            if self._http is not None:
                self._http.close()
                self._http = None

    def _wait_until_due(self) -> bool:
        changed = self._buffer.changed
        with changed:
            while not self._is_over():
                due = 0.0 if self._delivery.under_way else self._buffer.seconds_until_due()
                if due == 0.0:
                    return True
                if due is None and self._buffer.closed:
                    return False
                changed.wait(due)
            return False

    def _is_over(self) -> bool:
        return self._stop_at is not None and time.monotonic() >= self._stop_at

    def _send(self) -> Pause:
        request = self._delivery.next_request()
        if request is None:
            return Pause()
        if self._http is None:
            self._http = self._connect()
        timeout = self._options.timeout_seconds
        if self._stop_at is not None:
            timeout = max(_LEAST_TIMEOUT, min(timeout, self._stop_at - time.monotonic()))
        try:
            answer = self._http.post(PATH, content=request.body, headers=request.headers, timeout=timeout)
        except httpx.HTTPError as error:
            return self._delivery.failed(repr(error))
        return self._delivery.answered(request, Answer(answer.status_code, answer.headers, answer.content))

    def _sleep(self, pause: Pause) -> None:
        """Wait. Closing ends a pause that the server did not ask for."""
        until = time.monotonic() + pause.seconds
        changed = self._buffer.changed
        with changed:
            closed = self._buffer.closed
            while (left := until - time.monotonic()) > 0 and not self._is_over():
                if self._buffer.closed and not closed and not pause.asked:
                    return
                if self._stop_at is not None:
                    left = min(left, max(0.0, self._stop_at - time.monotonic()))
                changed.wait(left)


class Forgetting(Protocol):
    """Something that begins anew in a forked process."""

    def begin_anew(self) -> None:
        """Forget what belongs to the parent."""


_forgetting: "weakref.WeakSet[Forgetting]" = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_forgetting):
        each.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def begin_anew_after_fork(each: Forgetting) -> None:
    """Call its ``begin_anew`` in every process that is forked from this one."""
    _forgetting.add(each)


def at_exit(close: Callable[[], object]) -> None:
    """Close at the end of this process. One that multiprocessing made ends without the functions of ``atexit``."""
    atexit.register(close)
    if multiprocessing.process.parent_process() is not None:
        multiprocessing.util.Finalize(None, close, exitpriority=10)
