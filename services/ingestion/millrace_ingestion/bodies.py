"""Reading a request's body: sizes, a deadline, and content encodings, with memory bounded whatever is sent."""

import asyncio
import io
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Self

import brotli  # type: ignore[import-untyped]
import zstandard

from millrace_core.errors import InvalidInput, TooLarge, Unavailable, UnsupportedEncoding
from millrace_ingestion.deadlines import Deadline

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

GZIP: Final = b"\x1f\x8b"
"""How gzip begins."""
_ZSTD_WINDOW: Final = 8 * 2**20  # what every decoder has to support (RFC 8878, 3.1.1.1.2)
_MOST_MEMBERS: Final = 64
_SMALL: Final = 8192
"""Bytes of gzip that are inflated on the loop: at deflate's best, 1,032 to 1, that is 8 MiB and 10 ms. More goes to a
thread."""


class Disconnected(Exception):
    """The client left before its body was whole. Nothing is stored and nobody is there to answer."""


@dataclass(slots=True)
class InFlight:
    """Counts the bytes of all bodies that are being worked on."""

    limit: int
    taken: int = 0

    def take(self, count: int) -> None:
        """Reserve bytes.

        Raises:
            Unavailable: ``overloaded``.
        """
        if self.taken + count > self.limit:
            raise Unavailable("too much is being received at this moment", code="overloaded")
        self.taken += count

    def give(self, count: int) -> None:
        """Return what was reserved."""
        self.taken -= count


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bytes of a body on the wire and inflated, and how long it may take to arrive."""

    wire: int
    inflated: int
    deadline: Deadline


class Body:
    """One body while it is worked on; leaving the context returns its reservation."""

    __slots__ = ("_in_flight", "_limits", "_reserved", "wire_bytes")

    def __init__(self, limits: BodyLimits, in_flight: InFlight) -> None:
        self._limits = limits
        self._in_flight = in_flight
        self._reserved = 0
        self.wire_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._in_flight.give(self._reserved)

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        """The body, inflated.

        Raises:
            InvalidInput: ``corrupt_body`` or ``invalid_content_length``.
            TooLarge: ``body_too_large`` or ``inflated_too_large``.
            UnsupportedEncoding: nobody here decodes it.
            Unavailable: ``body_timeout`` or ``overloaded``.
            Disconnected: the client left.
        """
        self._check_declared(headers.get(b"content-length"))
        try:
            with self._limits.deadline:
                wire = await self._receive(receive)
        except TimeoutError as error:
            raise Unavailable(
                f"the body took longer than {self._limits.deadline.seconds:g} seconds", code="body_timeout"
            ) from error
        self.wire_bytes = len(wire)
        encoding = _encoding(wire, headers.get(b"content-encoding"))
        return wire if encoding == "identity" else await self._inflate(wire, encoding)

    def _reserve(self, count: int) -> None:
        self._in_flight.take(count)
        self._reserved += count

    def _check_declared(self, length: bytes | None) -> None:
        if length is None:
            return
        if not length.isdigit():
            raise InvalidInput("Content-Length is no number", code="invalid_content_length")
        if len(length) > 18 or int(length) > self._limits.wire:
            raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"a body has {self._limits.wire} bytes at most", code="body_too_large")

    async def _receive(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._limits.wire:
                raise self._too_large()
            self._reserve(len(chunk))
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _inflate(self, wire: bytes, encoding: str) -> bytes:
        limit = self._limits.inflated
        if encoding == "gzip" and len(wire) <= _SMALL:
            body = _inflate(wire, encoding, limit)
            self._reserve(len(body))
            return body
        self._reserve(limit)  # before the work, which is where the memory goes
        body = await asyncio.to_thread(_inflate, wire, encoding, limit)
        self._in_flight.give(limit - len(body))
        self._reserved -= limit - len(body)
        return body


def _encoding(wire: bytes, header: bytes | None) -> str:
    """The encoding that the bytes are in. Gzip is known by its first bytes whatever the header says, because beacons cannot
    set it; a body that is JSON in spite of its header (a proxy inflated it) is taken as it is."""
    if wire.startswith(GZIP):
        return "gzip"
    if header is None:
        return "identity"
    names = [name for part in header.decode("latin-1").lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if not names or wire.lstrip()[:1] in (b"{", b"["):
        return "identity"
    if len(names) > 1 or names[0] not in _DECODERS:
        raise UnsupportedEncoding("Content-Encoding has to be one of gzip, deflate, br, zstd", code="unsupported_encoding")
    return names[0]


def inflate_gzip(wire: bytes, limit: int) -> bytes:
    """Gzip that stood inside another wrapping.

    Raises:
        InvalidInput: ``corrupt_body``.
        TooLarge: ``inflated_too_large``.
    """
    return _inflate(wire, "gzip", limit)


def _inflate(wire: bytes, encoding: str, limit: int) -> bytes:
    body = _DECODERS[encoding](wire, limit)
    if len(body) > limit:
        raise TooLarge(f"an inflated body has {limit} bytes at most", code="inflated_too_large")
    return body


# Each decoder stops one byte beyond the limit, so that a bomb costs no more memory than the largest body.


def _gunzip(wire: bytes, limit: int) -> bytes:
    """All members of a gzip file (RFC 1952, 2.2). Each member copies what is behind it, so their number is bounded."""
    parts: list[bytes] = []
    left = limit + 1
    for _ in range(_MOST_MEMBERS):
        part, wire = _zlib(wire, zlib.MAX_WBITS | 16, left)
        parts.append(part)
        left -= len(part)
        if not wire or left <= 0:
            return parts[0] if len(parts) == 1 else b"".join(parts)
    raise _corrupt()


def _deflate(wire: bytes, limit: int) -> bytes:
    """Deflate as the standard has it (in a zlib wrapper), else as some clients send it (bare)."""
    try:
        return _zlib(wire, zlib.MAX_WBITS, limit + 1)[0]
    except InvalidInput:
        return _zlib(wire, -zlib.MAX_WBITS, limit + 1)[0]


def _zlib(wire: bytes, window: int, most: int) -> tuple[bytes, bytes]:
    """What the stream holds, up to ``most`` bytes, and what stands behind it."""
    stream = zlib.decompressobj(window)
    try:
        body = stream.decompress(wire, most)
    except zlib.error as error:
        raise _corrupt() from error
    if not stream.eof and len(body) < most:
        raise _corrupt()
    return body, stream.unused_data


def _brotli(wire: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    try:
        body = stream.process(wire, output_buffer_limit=limit + 1)
        if not stream.is_finished() and len(body) <= limit:
            raise _corrupt()
    except brotli.error as error:
        raise _corrupt() from error
    return bytes(body)


def _zstd(wire: bytes, limit: int) -> bytes:
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        declared = zstandard.frame_content_size(wire)  # -1 when the frame does not say
        with decoder.stream_reader(io.BytesIO(wire), read_across_frames=True) as stream:
            body: bytes = stream.read(limit + 1)
    except zstandard.ZstdError as error:
        raise _corrupt() from error
    if not body or len(body) < min(declared, limit):
        raise _corrupt()
    return body


def _corrupt() -> InvalidInput:
    return InvalidInput("the body is cut off or damaged: it cannot be inflated", code="corrupt_body")


_DECODERS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
