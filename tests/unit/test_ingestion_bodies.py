"""Reading bodies: encodings, sizes, deadlines, memory."""

import asyncio
import gzip
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.errors import InvalidInput, MillraceError, TooLarge, Unavailable, UnsupportedEncoding
from millrace_ingestion.bodies import Body, BodyLimits, Disconnected, InFlight
from millrace_ingestion.deadlines import Deadline

_LIMITS = BodyLimits(wire=1_000_000, inflated=4_000_000, deadline=Deadline(5.0))
_JSON = b'{"events":[]}' * 100


def _bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


_PACKERS: dict[str, tuple[str | None, Callable[[bytes], bytes]]] = {
    "plain": (None, bytes),
    "gzip by its first bytes": (None, gzip.compress),
    "gzip by header": ("gzip", gzip.compress),
    "gzip under a wrong header": ("br", gzip.compress),
    "gzip in two members": ("gzip", lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:])),
    "deflate in zlib": ("deflate", zlib.compress),
    "bare deflate": ("deflate", _bare_deflate),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "zstd in capitals": ("ZSTD", zstandard.compress),
    "plain under a header": ("gzip", bytes),
    "identity": ("identity", bytes),
}


async def _read(chunks: Sequence[bytes], headers: dict[bytes, bytes], limits: BodyLimits = _LIMITS) -> bytes:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages[-1]["more_body"] = False

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    in_flight = InFlight(50_000_000)
    try:
        with Body(limits, in_flight) as body:
            return await body.read(receive, headers)
    finally:
        assert in_flight.taken == 0


def _header(encoding: str | None) -> dict[bytes, bytes]:
    return {} if encoding is None else {b"content-encoding": encoding.encode()}


@pytest.mark.parametrize("name", _PACKERS)
async def test_every_encoding_is_read(name: str) -> None:
    encoding, pack = _PACKERS[name]
    assert await _read([pack(_JSON)], _header(encoding)) == _JSON


@pytest.mark.parametrize("name", [name for name in _PACKERS if name not in ("plain", "identity", "plain under a header")])
async def test_a_bomb_is_stopped_at_the_limit(name: str) -> None:
    encoding, pack = _PACKERS[name]
    with pytest.raises(TooLarge) as caught:
        await _read([pack(b"0" * 50_000_000)], _header(encoding))
    assert caught.value.code == "inflated_too_large"


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)])
@pytest.mark.parametrize("keep", [3, 12, -1])
async def test_a_stream_that_is_cut_off_is_corrupt(encoding: str, pack: Callable[[bytes], bytes], keep: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        await _read([pack(os.urandom(3000))[:keep]], _header(encoding))
    assert caught.value.code == "corrupt_body"


@pytest.mark.parametrize("keep", [5, 100, -1])
async def test_a_zstd_frame_that_is_cut_off_is_corrupt(keep: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        await _read([zstandard.compress(os.urandom(3000))[:keep]], _header("zstd"))
    assert caught.value.code == "corrupt_body"


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "zstd", None]))
def test_no_bytes_fail_in_another_way(data: bytes, encoding: str | None) -> None:
    try:
        asyncio.run(_read([data], _header(encoding)))
    except MillraceError as error:
        assert error.code in ("corrupt_body", "inflated_too_large")  # noqa: PT017 -- either outcome is right


async def test_an_unknown_encoding_is_refused() -> None:
    for encoding in ("lzma", "gzip, br", "\xff"):
        with pytest.raises(UnsupportedEncoding):
            await _read([b"xx"], {b"content-encoding": encoding.encode("latin-1")})


async def test_members_beyond_a_bound_are_refused() -> None:
    with pytest.raises(InvalidInput):
        await _read([gzip.compress(b"") * 1000], {})


async def test_the_wire_limit_holds_with_and_without_a_declared_length() -> None:
    with pytest.raises(TooLarge) as declared:
        await _read([b""], {b"content-length": b"1000001"})
    with pytest.raises(TooLarge) as sent:
        await _read([b"x" * 600_000, b"x" * 600_000], {})
    with pytest.raises(TooLarge):
        await _read([b""], {b"content-length": b"9" * 5000})
    assert declared.value.code == sent.value.code == "body_too_large"
    with pytest.raises(InvalidInput):
        await _read([b""], {b"content-length": b"-5"})


async def test_a_slow_body_is_cut_at_the_deadline() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    in_flight = InFlight(1000)
    with pytest.raises(Unavailable) as caught, Body(BodyLimits(1000, 1000, Deadline(0.1)), in_flight) as body:
        await body.read(receive, {})
    assert caught.value.code == "body_timeout"
    assert in_flight.taken == 0


async def test_a_client_that_leaves_is_told_apart() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(Disconnected), Body(_LIMITS, InFlight(1000)) as body:
        await body.read(receive, {})


async def test_beyond_the_bytes_in_flight_bodies_are_refused() -> None:
    in_flight = InFlight(10)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 6, "more_body": False}

    with Body(_LIMITS, in_flight) as first:
        await first.read(receive, {})
        with pytest.raises(Unavailable) as caught, Body(_LIMITS, in_flight) as second:
            await second.read(receive, {})
        assert caught.value.code == "overloaded"
    with Body(_LIMITS, in_flight) as third:
        await third.read(receive, {})


_BOMBS = """
import gzip, resource, sys, zlib, asyncio, brotli, zstandard
from millrace_ingestion.bodies import Body, BodyLimits, InFlight
from millrace_ingestion.deadlines import Deadline
from millrace_core.errors import TooLarge
kind = sys.argv[1]
zeros = b"0" * 2**20
if kind == "gzip":
    packer = zlib.compressobj(9, wbits=31)
    wire = b"".join(packer.compress(zeros) for _ in range(512)) + packer.flush()
elif kind == "br":
    packer = brotli.Compressor(quality=1)
    wire = b"".join(packer.process(zeros) for _ in range(512)) + packer.finish()
else:
    packer = zstandard.ZstdCompressor().compressobj()
    wire = b"".join(packer.compress(zeros) for _ in range(512)) + packer.flush()
async def main():
    async def receive():
        return {"type": "http.request", "body": wire, "more_body": False}
    with Body(BodyLimits(5 * 2**20, 20 * 2**20, Deadline(10)), InFlight(2**28)) as body:
        try:
            await body.read(receive, {b"content-encoding": kind.encode()})
        except TooLarge as error:
            return error.code
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
code = asyncio.run(main())
print(code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("kind", ["gzip", "br", "zstd"])
def test_a_bomb_of_half_a_gigabyte_costs_less_than_64_megabytes(kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", _BOMBS, kind], capture_output=True, text=True, check=True, timeout=120)
    code, megabytes = done.stdout.split()
    assert code == "inflated_too_large"
    assert int(megabytes) < 64
