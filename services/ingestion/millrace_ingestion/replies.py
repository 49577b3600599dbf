"""Answers of the tracking routes: bodies, headers, CORS."""

import random
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import msgspec
import structlog

from millrace_core.errors import LogUnavailable, MillraceError, Unavailable
from millrace_core.ids import new_id
from millrace_eventlog.ports import Durable
from millrace_ingestion.verdicts import Remark, Verdicts
from millrace_web.errors import error_body, error_headers, status_of

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Mapping[bytes, bytes]
HeaderList = list[tuple[bytes, bytes]]

_encode = msgspec.json.Encoder().encode
_is_request_id = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}\Z").match
_log = structlog.get_logger("millrace.ingestion")
_RETRY_AFTER: Final = (2, 10)
"""Seconds. Spread, so that clients that were refused together do not come back together."""
_METHODS: Final = b"POST, OPTIONS"


class Answer(msgspec.Struct, omit_defaults=True):
    """The body of a 200."""

    success: bool
    """False only when events were sent and none of them was accepted."""
    events_accepted: int
    events_rejected: int
    message: str
    errors: list[Remark]
    durable: str
    warnings: list[Remark] = []
    events_left_out: int = 0
    """Nothing is wrong with them, and they are not stored: ``warnings`` say why."""


def single_answer(verdicts: Verdicts, durable: Durable) -> bytes:
    """The body of ``POST /track`` for an event that is stored, or left out."""
    left_out = len(verdicts.left_out)
    return _encode(
        Answer(
            success=True,
            events_accepted=1 - left_out,
            events_rejected=0,
            message="Event left out" if left_out else "Event accepted",
            errors=[],
            durable=durable,
            warnings=verdicts.warnings,
            events_left_out=left_out,
        )
    )


def batch_answer(verdicts: Verdicts, durable: Durable) -> bytes:
    """The body of ``POST /track/batch``."""
    accepted, rejected = len(verdicts.records), len(verdicts.errors)
    left_out = len(verdicts.left_out)
    message = f"Processed {accepted + rejected + left_out} events, rejected {rejected}"
    success = accepted > 0 or rejected == 0
    answer = Answer(success, accepted, rejected, message, verdicts.errors, durable, verdicts.warnings, left_out)
    return _encode(answer)


def request_id_of(headers: Headers, now_ms: int) -> bytes:
    """The client's ``X-Request-ID`` where it is a plain word of up to 128 characters, else a new one."""
    given = headers.get(b"x-request-id")
    return given if given is not None and _is_request_id(given) else new_id(now_ms).encode()


def error_answer(error: MillraceError, request_id: bytes, detail: Any = None) -> tuple[int, bytes, HeaderList]:
    """Status, body and headers of an error."""
    status = status_of(error)
    body = error_body(status, error.code, error.message, request_id.decode(), detail)
    headers = [(name.lower().encode(), value.encode()) for name, value in error_headers(error).items()]
    if isinstance(error, Unavailable):
        headers = [(b"retry-after", str(random.randint(*_RETRY_AFTER)).encode())]  # noqa: S311
        body["stored"] = "unknown" if isinstance(error, LogUnavailable) else "nothing"
        if error.code == "body_timeout":  # what is left of the body may never come
            headers.append((b"connection", b"close"))
    return status, _encode(body), headers


def plain_error(status: int, code: str, message: str, request_id: bytes) -> bytes:
    """The body of an error that is none of a handler's: no such route or method, or a fault of ours."""
    return _encode(error_body(status, code, message, request_id.decode()))


def fault_answer(request_id: bytes, path: str) -> tuple[int, bytes]:
    """Status and body where a handler fails for a reason of ours, called while it is handled: a client never sees a traceback,
    the log does."""
    _log.exception("request_failed", request_id=request_id.decode(), path=path)
    return 500, plain_error(500, "internal_error", "something failed here; the log of the server says what", request_id)


def cors_headers(headers: Headers) -> HeaderList:
    """Any page may send events, so its origin is mirrored; nothing can be read here but the verdict on what it sent."""
    origin = headers.get(b"origin")
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (
            b"access-control-expose-headers",
            b"x-request-id, retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset",
        ),
        (b"vary", b"origin"),
    ]


def preflight_headers(headers: Headers, methods: bytes = _METHODS) -> HeaderList:
    """Headers of the answer to OPTIONS, in a preflight (Fetch standard, 3.3.3) or without one."""
    asked = headers.get(b"access-control-request-headers")
    return [
        (b"allow", methods),
        (b"access-control-allow-methods", methods),
        *([(b"access-control-allow-headers", asked)] if asked is not None else []),
        (b"access-control-max-age", b"86400"),
    ]


async def send_answer(
    send: Send,
    status: int,
    body: bytes,
    request_id: bytes,
    headers: Headers,
    more: HeaderList | None = None,
    content_type: bytes = b"application/json",
) -> None:
    """Send a whole answer: ``body`` is JSON where nothing else is said, or empty."""
    out: HeaderList = [(b"content-length", b"%d" % len(body)), (b"x-request-id", request_id)]
    if body:
        out.append((b"content-type", content_type))
    if b"origin" in headers:
        out += cors_headers(headers)
    if more:
        out += more
    await send({"type": "http.response.start", "status": status, "headers": out})
    await send({"type": "http.response.body", "body": body})
