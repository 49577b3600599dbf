"""What a protocol is here: from the wire to decoded events, and from what became of them to its own answers.

Each protocol is one module of this folder that ends in an object of :class:`WireProtocol`. It never sees a socket, a log or a
tenant: ``millrace_ingestion.surface`` reads the body, asks whose key it is, and stores.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import msgspec

from millrace_core.errors import LogUnavailable, MillraceError, TooManyRequests, Unauthorized, Unavailable
from millrace_ingestion.protocols.native import NOT_SENT, Batch
from millrace_ingestion.protocols.reading import DECODING_ERRORS, Limits
from millrace_ingestion.verdicts import Verdicts
from millrace_web.errors import error_body, error_headers, status_of

Headers = Mapping[bytes, bytes]
HeaderList = list[tuple[bytes, bytes]]

JSON: Final = b"application/json"
encode: Final = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MOST_PARAMETERS: Final = 64
_LONGEST_WAIT: Final = 300  # seconds: the longest that Segment's SDKs wait when they are told to


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as a protocol sees it."""

    operation: str
    """Which of the protocol's routes it came to."""
    arguments: Sequence[str]
    """What stands in the path where the route has a placeholder."""
    method: str
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    """Inflated."""
    received_at: int
    """Milliseconds since the epoch."""
    request_id: str
    limits: Limits
    inflated_bytes: int
    """Most bytes that a wrapping may hold."""
    salt: bytes = b""
    """Of this day, for protocols without ids of visitors (``enrich.cookieless``)."""
    address: str = ""
    """The client's, whole, likewise. Never to be stored."""

    def header(self, name: bytes) -> str:
        """A header's text, empty where there is none."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def origin(self) -> str:
        """Of the page that sends; empty where no page does."""
        return self.header(b"origin")

    def basic_user(self) -> str:
        """The user name of HTTP Basic, which is where SDKs put a write key; empty where there is none."""
        scheme, _, given = self.header(b"authorization").partition(" ")
        if scheme.lower() != "basic":
            return ""
        try:
            text = base64.b64decode(given.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return ""
        return text.partition(":")[0]

    def any_key(self) -> str:
        """The key of a request whose protocol has no place of its own for it: a bearer token, ``X-API-Key``, the user of HTTP
        Basic, or ``?key=``."""
        return self.bearer() or self.header(b"x-api-key") or self.basic_user() or self.query.get("key", "")

    def bearer(self) -> str:
        """The token of ``Authorization: Bearer``; empty where there is none."""
        scheme, _, given = self.header(b"authorization").partition(" ")
        return given.strip() if scheme.lower() == "bearer" else ""


@dataclass(slots=True)
class Decoded:
    """What a request held."""

    batch: Batch
    """``customer_id`` of its events is not read: the key says whose they are."""
    keys: Sequence[str]
    """The write key as presented: one for all events, or one an event."""
    id_kind: str = "client_event_id"
    """What the events' ids are, where they are no UUIDs."""
    note: Any = None
    """Whatever the protocol needs for its answer."""


@dataclass(slots=True)
class Reply:
    """An answer."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: HeaderList = field(default_factory=list)


class WireProtocol(Protocol):
    """One protocol."""

    name: str
    """As the column ``protocol`` has it."""
    needs_salt: bool
    """Whether it makes ids for visitors that have none."""

    def stub(self, request: WireRequest) -> Reply | None:
        """The answer to an operation that brings no events (a configuration that an SDK asks for); None for those that do."""
        ...

    def read(self, request: WireRequest) -> Decoded:
        """The events of a request.

        Raises:
            InvalidInput: the body cannot be read at all. An event that cannot is a refusal among the others.
            Unauthorized: the request contradicts itself about its key.
        """
        ...

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:
        """The answer once the accepted events are durable."""
        ...

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """The answer to a request of which nothing was stored, or nothing for certain.

        Args:
            wait: seconds after which to try again, where that makes sense.
        """
        ...


def query_of(text: bytes) -> dict[str, str]:
    """The parameters of a query string or a form, the first of each name."""
    try:
        pairs = parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return {}
    return dict(reversed(pairs))


def is_overload(error: MillraceError) -> bool:
    """Whether the same request can succeed later."""
    return isinstance(error, TooManyRequests | Unavailable)


def failure(
    request: WireRequest, error: MillraceError, wait: int, *, status: int | None = None, more: Mapping[str, Any] | None = None
) -> Reply:
    """The error of the tracking routes, which has every field that SDKs look for, with what a protocol adds.

    Without ``code`` and ``message`` two of the Python SDKs would take a refusal for a fault of the network, and try again.
    """
    status = status or status_of(error)
    body = error_body(status, error.code, error.message, request.request_id)
    headers = [(name.lower().encode(), value.encode()) for name, value in error_headers(error).items()]
    if is_overload(error):
        seconds = error.retry_after if isinstance(error, TooManyRequests) else wait
        headers = [(b"retry-after", b"%d" % min(max(seconds, 1), _LONGEST_WAIT))]
        if isinstance(error, Unavailable):
            body["stored"] = "unknown" if isinstance(error, LogUnavailable) else "nothing"
    return Reply(status, encode(body | dict(more or {})), headers=headers)


def remarks(verdicts: Verdicts) -> dict[str, Any]:
    """What an answer of 200 says of rejected events: nothing where there are none."""
    return {"rejected": len(verdicts.errors), "errors": verdicts.errors} if verdicts.errors else {}


def with_fields(raw: msgspec.Raw, fields: Mapping[str, Any]) -> msgspec.Raw:
    """A JSON object's text with these fields in front, unless they are empty or it has them. What is no object stays as it
    is: acceptance says what is wrong with it."""
    added = {name: value for name, value in fields.items() if value is not None and value not in ("", NOT_SENT)}
    if not added:
        return raw
    text = bytes(raw).strip()
    if text in (b"", b"null"):
        return msgspec.Raw(encode(added))
    if any(b'"%b"' % name.encode() in text for name in added):
        try:
            said = _decode_object(text)
        except DECODING_ERRORS:
            return raw
        return msgspec.Raw(encode({**added, **said}))
    if text[:1] != b"{":
        return raw
    rest = text[1:].lstrip()
    return msgspec.Raw(encode(added)[:-1] + (b"" if rest[:1] == b"}" else b",") + rest)


def as_text(value: Any, longest: int = 512) -> str:
    """An identifier of whatever JSON type as text, cut; empty where there is none."""
    if value is None:
        return ""
    return (value if isinstance(value, str) else encode(value).decode())[:longest]


def as_url(value: Any) -> str:
    """An address, cut to what a column takes; empty where it is no text."""
    return value[:8192] if isinstance(value, str) else ""


def client_id(given: object) -> str | None:
    """A client's id of an event, for its verdict."""
    return None if given is None else str(given)[:512]


def the_one_key(keys: Iterable[str]) -> str:
    """The key that all of them are; empty where there is none.

    Raises:
        Unauthorized: there are several.
    """
    found = {key for key in keys if key}
    if len(found) > 1:
        raise Unauthorized("the events of a request have to be of one write key", code="invalid_key")
    return found.pop() if found else ""
