"""Request bodies for the load generator: page views and clicks of a shop, about 360 bytes an event, no two alike."""

import json
import random
from pathlib import Path
from typing import Any

import msgspec

_PAGES = ("/", "/products/42", "/products/7", "/products/1138", "/cart", "/checkout", "/docs/start", "/pricing")
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)
_REFERRERS = ("", "https://www.google.com/", "https://news.ycombinator.com/", "https://shop.example.com/")


def event(chance: random.Random) -> dict[str, Any]:
    """One event without an id: the server makes a new one at every post, so a body may be posted many times."""
    page = chance.choice(_PAGES)
    return {
        "customer_id": "bench",
        "visitor_id": f"v-{chance.getrandbits(48):012x}",
        "session_id": f"s-{chance.getrandbits(48):012x}",
        "event_type": chance.choice(("page_view", "page_view", "page_view", "button_click")),
        "event_name": "Page Viewed",
        "properties": {"page": page, "title": f"Shop {page}", "load_ms": chance.randrange(2000), "experiment": "b"},
        "page_url": f"https://shop.example.com{page}?utm_source=newsletter&utm_campaign=spring",
        "referrer": chance.choice(_REFERRERS),
        "context": {"userAgent": chance.choice(_AGENTS)},
    }


def write_bodies(path: Path, batch: int, count: int = 300) -> Path:
    """A file of ``count`` bodies for the load generator: of single events where ``batch`` is 1, else of batches."""
    chance = random.Random(20)
    bodies = [
        json.dumps(event(chance) if batch == 1 else {"events": [event(chance) for _ in range(batch)]}).encode()
        for _ in range(count)
    ]
    path.write_bytes(msgspec.msgpack.encode(bodies))
    return path
