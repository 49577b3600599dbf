"""The same hundred events in the words of several protocols: as Millrace's, Segment's and PostHog's SDKs send them."""

import gzip
import json
import random
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.bench.bodies import event

KEY: Final = "bench"
BATCH: Final = 100
_BODIES: Final = 100
"""No two visitors of their events are alike, so a server keeps nothing of the first until they come again."""


def _facts(chance: random.Random) -> dict[str, Any]:
    """An event with an id and a time, as every SDK gives it."""
    named = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    return {**event(chance), "event_id": named, "timestamp": f"2026-11-26T12:00:{chance.randrange(60):02d}.000Z"}


def native(facts: dict[str, Any]) -> dict[str, Any]:
    """As it is."""
    return facts


def segment(facts: dict[str, Any]) -> dict[str, Any]:
    """A `track` call."""
    return {
        "type": "track",
        "messageId": facts["event_id"],
        "timestamp": facts["timestamp"],
        "anonymousId": facts["visitor_id"],
        "event": facts["event_type"],
        "properties": facts["properties"],
        "context": {
            **facts["context"],
            "sessionId": facts["session_id"],
            "page": {"url": facts["page_url"], "referrer": facts["referrer"]},
        },
        "integrations": {},
    }


def posthog(facts: dict[str, Any]) -> dict[str, Any]:
    """What a server's SDK sends for a browser."""
    said = {"$session_id": facts["session_id"], "$current_url": facts["page_url"], "$referrer": facts["referrer"]}
    library = {"$lib": "posthog-node", "$lib_version": "5.70.0", "$raw_user_agent": facts["context"]["userAgent"]}
    return {
        "event": facts["event_type"],
        "uuid": facts["event_id"],
        "distinct_id": facts["visitor_id"],
        "timestamp": facts["timestamp"],
        "properties": {**facts["properties"], **said, **library},
    }


_FORMS: Final[Mapping[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], Callable[[list[Any]], dict[str, Any]]]]] = {
    "native": (native, lambda events: {"events": events}),
    "segment": (segment, lambda events: {"batch": events, "writeKey": KEY, "sentAt": "2026-11-26T12:01:00.000Z"}),
    "posthog": (posthog, lambda events: {"api_key": KEY, "batch": events, "sent_at": "2026-11-26T12:01:00.000Z"}),
}


def _body_of(protocol: str, chance: random.Random, *, compressed: bool = False) -> bytes:
    """A batch of a hundred events; the same ones for the same state of ``chance``."""
    form, envelope = _FORMS[protocol]
    text = json.dumps(envelope([form(_facts(chance)) for _ in range(BATCH)])).encode()
    return gzip.compress(text, 6) if compressed else text


def bodies_of(protocol: str, *, compressed: bool = False) -> list[bytes]:
    """A hundred such bodies; the same events in each protocol."""
    chance = random.Random(21)
    return [_body_of(protocol, chance, compressed=compressed) for _ in range(_BODIES)]


def write_batches(path: Path, protocol: str, *, compressed: bool = False) -> Path:
    """A file of them for the load generator."""
    path.write_bytes(msgspec.msgpack.encode(bodies_of(protocol, compressed=compressed)))
    return path
