"""The scripts of docs/migrate: what they make of an export is stored as the same events are that come live."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

import pytest

from tests.support.code_blocks import ROOT
from tests.support.ingestion import Tracker, tracker

_FOLDER: Final = ROOT / "docs/migrate"
_OF_THE_WAY_IN: Final = {"protocol", "ip", "client_event_id"}
"""The route and the network of who sends; an id that was no UUID has been made one by the script."""


def _export(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_FOLDER / f"examples/{name}.jsonl").read_text().splitlines()]


def _made(name: str, *arguments: str) -> list[dict[str, Any]]:
    """What the script makes of the example."""
    text = (_FOLDER / f"examples/{name}.jsonl").read_text()
    command = [sys.executable, str(_FOLDER / f"{name}.py"), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=30)
    return [json.loads(line) for line in done.stdout.splitlines()]


async def _stored(service: Tracker, path: str, body: Any, **headers: str) -> list[dict[str, Any]]:
    before = len(service.log.records)
    reply = await service.post(path, body, **headers)
    assert reply.status == 200, reply.text
    lines = service.log.lines[before:]
    return [{name: value for name, value in line.items() if name not in _OF_THE_WAY_IN} for line in lines]


async def _imported(service: Tracker, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return await _stored(service, "/track/batch", {"events": [{**event, "customer_id": "shop"} for event in events]})


async def test_posthogs_rows_are_the_events_that_its_sdks_send() -> None:
    rows = _export("posthog")
    for row in rows:  # in some exports it is text
        if isinstance(row["properties"], str):
            row["properties"] = json.loads(row["properties"])
    service = tracker()
    live = await _stored(service, "/batch/", {"api_key": "shop", "batch": rows})
    assert len(live) == len(rows) == 4
    assert await _imported(service, _made("posthog")) == live


async def test_segments_calls_are_the_events_that_its_sdks_send() -> None:
    service = tracker()
    live = await _stored(service, "/v1/batch", {"batch": _export("segment")}, authorization="Basic c2hvcDo=")
    assert len(live) == 5
    assert await _imported(service, _made("segment", "shop")) == live


@pytest.mark.parametrize("tenant", ["shop", "another"])
async def test_an_id_of_segments_that_is_no_uuid_is_made_one_for_its_tenant(tenant: str) -> None:
    ids = {event["event_id"] for event in _made("segment", tenant)}
    assert len(ids) == 5
    assert ids.isdisjoint({event["event_id"] for event in _made("segment", f"{tenant}-2")})
