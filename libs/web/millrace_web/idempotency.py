"""Answers that are repeated when a client posts the same request again with the same ``Idempotency-Key``.

The tracking routes have their own, by events. Here a request is named by its key, who sends it, for which tenant, and its path
with its query; what it says besides (its body, that body's type, a condition) has to be the same again. ``Cache-Control`` is
none of that: how fresh an answer has to be does not make it another request, whose effect would come twice. An answer that
holds a secret (``Cache-Control: no-store``) is not kept, and neither is a refusal or a fault that may be over by the next try.

What is kept is given to who may have it now: each right that the routes found when they made the answer has to be there still.
And nothing is given of before somebody of a tenant that it is about was erased.

Of requests that come to one process at once, one is done and the others wait for its answer.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final, Protocol
from weakref import WeakValueDictionary

import msgspec

from millrace_core.access import ANYONE, Caller, NotedCaller, Right, tenant_of
from millrace_core.errors import Conflict, InvalidInput, MillraceError
from millrace_core.privacy import erased_key
from millrace_web.errors import error_headers, status_of
from millrace_web.problems import error_response
from millrace_web.requests import AsgiApp, Message, Receive, Send

_HEADER: Final = b"idempotency-key"
_LONGEST_KEY: Final = 255
_LARGEST: Final = 256 * 1024  # bytes of an answer
_NOT_KEPT: Final = frozenset({401, 403, 429})
WHOSE_HEADERS: Final = (b"x-tenant-id",)
"""Headers by which a request is about another tenant: the same key is another one there."""
SAID_HEADERS: Final = (b"content-type", b"if-match")
"""Headers that are a part of what a request says, as its body is. A test goes through those that the routes take."""
_CREDENTIALS: Final = (b"authorization", b"x-api-key")


class AnswerCache(Protocol):
    """Values for a while; ``millrace_records.cache.ports.Cache`` is one."""

    async def get(self, key: str) -> bytes | None:
        """The value, None when there is none or its time is over."""
        ...

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for so long; it may be forgotten earlier."""
        ...


class _Kept(msgspec.Struct, array_like=True):
    content: bytes
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    rights: list[tuple[Right, str]] = []
    """That the answer needs, each with the tenant."""
    asked_at: float = 0.0
    """Seconds since the epoch."""


class Idempotency:
    """ASGI middleware; behind what reads the body and says who asks.

    Args:
        seconds: how long an answer is kept; 0 keeps none.
        patience: seconds that a request waits while the same one is being done.
    """

    def __init__(self, app: AsgiApp, cache: AnswerCache, seconds: float, patience: float) -> None:
        self._app = app
        self._cache = cache
        self._seconds = seconds
        self._patience = patience
        # A lock lives as long as somebody holds it or waits for it.
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        key = _key_in(scope) if self._seconds and scope["type"] == "http" and scope["method"] == "POST" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        try:
            await self._answer(_checked(key), scope, receive, send)
        except MillraceError as error:
            status = status_of(error)
            answer = error_response(scope, status, error.code, error.message, headers=error_headers(error))
            await answer(scope, receive, send)

    async def _answer(self, key: str, scope: Message, receive: Receive, send: Send) -> None:
        message = await receive()  # whole: the limit of bodies has read it
        content = _digest(message.get("body", b""), *_all(scope, SAID_HEADERS))
        name = f"answer:{_name(key, _caller_in(scope), scope)}"
        async with self._turn(name):
            await self._answer_once(name, content, message, scope, receive, send)

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """Alone with requests of this name.

        Raises:
            Conflict: ``idempotency_key_in_use``.
        """
        lock = self._under_way.setdefault(name, asyncio.Lock())
        try:
            async with asyncio.timeout(self._patience):
                await lock.acquire()
        except TimeoutError as error:
            raise Conflict("a request with this Idempotency-Key is still being done", code="idempotency_key_in_use") from error
        try:
            yield
        finally:
            lock.release()

    async def _answer_once(
        self, name: str, content: bytes, message: Message, scope: Message, receive: Receive, send: Send
    ) -> None:
        caller = _caller_in(scope)
        known = await self._known(name)
        if known is not None:
            await _repeat(known, content, caller, send)
            return
        answered = _Kept(content, 500, [], b"", asked_at=time.time())
        noted = None
        if caller is not None:
            scope["state"]["caller"] = noted = NotedCaller(caller.who, caller.rights, caller.session)
        waiting = [message]

        async def receive_again() -> Message:
            return waiting.pop() if waiting else await receive()

        async def listen(sent: Message) -> None:
            if sent["type"] == "http.response.start":
                answered.status, answered.headers = sent["status"], list(sent.get("headers", []))
            elif len(answered.body) <= _LARGEST:
                answered.body += sent.get("body", b"")
            if not sent.get("more_body", False) and sent["type"] == "http.response.body" and _may_keep(answered):
                answered.rights = sorted(noted.used) if noted is not None else []
                await self._cache.put(name, msgspec.msgpack.encode(answered), self._seconds)
            await send(sent)

        await self._app(scope, receive_again, listen)

    async def _known(self, name: str) -> _Kept | None:
        """What is kept under a name, unless it may hold somebody who is erased."""
        found = await self._cache.get(name)
        if found is None:
            return None
        kept = msgspec.msgpack.decode(found, type=_Kept)
        for tenant in {tenant for _, tenant in kept.rights}:
            erased = await self._cache.get(erased_key(tenant))
            if erased is not None and kept.asked_at <= float(erased):
                return None
        return kept


def _key_in(scope: Message) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == _HEADER), None)


def _checked(given: bytes) -> str:
    key = given.decode("latin-1").strip()
    if not key or len(key) > _LONGEST_KEY or not key.isprintable():
        raise InvalidInput(
            f"Idempotency-Key has to be 1 to {_LONGEST_KEY} printable characters", code="invalid_idempotency_key"
        )
    return key


async def _repeat(kept: _Kept, content: bytes, caller: Caller | None, send: Send) -> None:
    """Give a kept answer.

    Raises:
        Forbidden: the caller lacks by now what it needs, as the route would say.
        Conflict: ``idempotency_key_reused``.
    """
    if caller is not None:
        for right, tenant in kept.rights:
            tenant_of(caller, tenant, right)
    if kept.content != content:
        raise Conflict("this Idempotency-Key was used for another request", code="idempotency_key_reused")
    await send({"type": "http.response.start", "status": kept.status, "headers": list(kept.headers)})
    await send({"type": "http.response.body", "body": kept.body})


def _caller_in(scope: Message) -> Caller | None:
    caller: Caller | None = scope.get("state", {}).get("caller")
    return caller


def _name(key: str, caller: Caller | None, scope: Message) -> str:
    """Of a request: nobody is answered what someone else was. Who is known is told by that: a login's next token is no one
    else's; who is not, by what was sent."""
    is_known = caller is not None and caller.who != ANYONE.who
    who = [caller.who.encode()] if caller is not None and is_known else _all(scope, _CREDENTIALS)
    place = (scope["path"].encode(), scope.get("query_string", b""))
    whose = _digest(*_all(scope, WHOSE_HEADERS))
    return _digest(b"known" if is_known else b"unknown", _digest(*who), whose, *place, key.encode()).hex()


def _all(scope: Message, names: Collection[bytes]) -> list[bytes]:
    """The values of these headers, each with its name."""
    return [name + b":" + value for name, value in scope["headers"] if name in names]


def _digest(*parts: bytes) -> bytes:
    """Of the parts, each with its length: no other parts run together to the same."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _may_keep(answered: _Kept) -> bool:
    has_secret = any(name.lower() == b"cache-control" and b"no-store" in value for name, value in answered.headers)
    return not has_secret and answered.status < 500 and answered.status not in _NOT_KEPT and len(answered.body) <= _LARGEST
