"""What a real server reports of real traffic: every event that was sent is in it once, under what became of it; and the live
verdicts of the same."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.support import plain
from tests.support.analytics import Stream, streaming
from tests.support.server import Server

_BOT = {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
_PARTS = ("accepted", "duplicate", "dead_letter", "limited")


def _event(tenant: str, **given: Any) -> dict[str, Any]:
    return {"customer_id": tenant, "visitor_id": "v1", "event_type": "click", **given}


def _send(server: Server, path: str, body: Any, status: int = 200, **more: Any) -> Any:
    answer = plain.post(f"{server.url}{path}", json=body, timeout=30, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


def _report(server: Server, tenant: str, **asked: Any) -> dict[str, Any]:
    answer = plain.get(f"{server.url}/ingest/report/{tenant}", params=asked, timeout=30)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _until(server: Server, tenant: str, received: int) -> dict[str, Any]:
    """The report, once so many events are in it."""
    deadline = time.monotonic() + 60
    while (report := _report(server, tenant))["totals"]["received"] < received:
        assert time.monotonic() < deadline, report
        time.sleep(0.05)
    return report


def _limit(server: Server, tenant: str, events: int) -> None:
    token = json.loads((server.data_dir / "server.json").read_text())["token"]
    answer = plain.put(
        f"{server.url}/admin/v1/tenants/{tenant}",
        json={"events_a_minute": events},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200, answer.text


def _send_until_limited(server: Server, tenant: str) -> int:
    """Send events ``id0``, ``id1``, ... until one is over the limit; how many were not."""
    for number in range(10_000):
        answer = plain.post(f"{server.url}/track", json=_event(tenant, event_id=f"id{number}"), timeout=30)
        if answer.status_code == 429:
            return number
        assert answer.status_code == 200, answer.text
    raise AssertionError("there is no limit")


def _send_everything(server: Server, tenant: str) -> int:
    """Events of every kind, and the number of them."""
    first = [_event(tenant, event_id=f"id{number}") for number in range(20)]
    bad = [_event(tenant, event_type=""), {**_event(tenant), "visitor_id": None}, _event(tenant, timestamp="soon")]
    _send(server, "/track/batch", {"events": [*first, *bad]})
    _send(server, "/track/batch", {"events": [_event(tenant), _event(tenant)]}, headers=_BOT)
    server.wait_until_stored()
    _send(server, "/track/batch", {"events": [*first[:5], first[5], first[5]]})  # again, and one of them twice
    for _ in range(2):  # the second one is answered from memory
        _send(server, "/track", _event(tenant), headers={"Idempotency-Key": "one"})
    _send(server, "/track", _event(tenant, event_type=""), 400)
    _send(server, "/track/batch?strict=1", {"events": [_event(tenant), _event(tenant, event_type="")]}, 400)
    calls = [{"type": "track", "userId": "u"}, {"type": "page", "userId": "u"}]
    _send(server, "/v1/batch", {"writeKey": tenant, "batch": calls})
    _send(server, "/track?dry_run=1", _event(tenant))  # counts nowhere
    _send(server, "/track/batch", {"events": [_event("another"), {"event_type": "nobody's"}]})
    return 23 + 2 + 7 + 2 + 1 + 2 + 2


def test_the_numbers_of_a_report_add_up_to_what_was_sent(server: Server) -> None:
    tenant = "adds_up"
    sent = _send_everything(server, tenant)
    report = _until(server, tenant, sent)

    assert report["totals"] == {
        "received": sent,
        "accepted": 24,  # twenty, two of bots, one with a key of its own, a page view
        "duplicate": 8,  # seven, and one that was answered from memory
        "dead_letter": 0,
        "rejected": {
            "missing_event_type": 4,
            "missing_identity": 1,
            "invalid_timestamp": 1,
            "batch_rejected": 1,
        },
        "limited": 0,
        "bot": 2,
    }
    for minute in (*report["minutes"], report["totals"]):
        assert minute["received"] == sum(minute[name] for name in _PARTS) + sum(minute["rejected"].values())
    for name in ("received", *_PARTS, "bot"):
        assert report["totals"][name] == sum(minute[name] for minute in report["minutes"])
    assert report["minutes"] == sorted(report["minutes"], key=lambda minute: str(minute["minute"]), reverse=True)


def test_events_over_the_limit_are_in_the_report_and_found_by_their_ids(server: Server) -> None:
    _limit(server, "limited", 10)
    accepted = _send_until_limited(server, "limited")
    report = _until(server, "limited", accepted + 1)
    assert (report["totals"]["accepted"], report["totals"]["limited"]) == (accepted, 1)
    found = plain.get(f"{server.url}/events/id{accepted}", params={"customer_id": "limited"}).json()
    assert (found["status"], found["seen"][0]["outcome"], found["duplicates"]) == ("limited", "limited", {"times": 0})


def test_an_event_is_found_by_http_whatever_became_of_it(server: Server) -> None:
    stored = _event("finds", event_id="a/b ü?")
    _send(server, "/track/batch", {"events": [stored, _event("finds", event_id="bad", timestamp="soon")]})
    _until(server, "finds", 2)
    ask = f"{server.url}/events"
    found = plain.get(f"{ask}/a%2Fb%20%C3%BC%3F", params={"customer_id": "finds"}).json()
    assert (found["status"], found["client_event_id"], found["protocol"]) == ("stored", "a/b ü?", "native")
    again = plain.get(f"{ask}/{found['event_id']}", params={"customer_id": "finds"}).json()
    assert again == found
    refused = plain.get(f"{ask}/bad", params={"customer_id": "finds"}).json()
    assert (refused["status"], refused["reason"]) == ("rejected", "invalid_timestamp")

    nobody = plain.get(f"{ask}/nobody", params={"customer_id": "finds"})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "event_not_found")
    assert nobody.json()["detail"]["log"]["whole"] is True
    assert plain.get(f"{ask}/{found['event_id']}", params={"customer_id": "others"}).status_code == 404
    assert plain.get(f"{ask}/x").json()["code"] == "missing_customer_id"
    assert plain.get(f"{ask}/x", params={"customer_id": "no/body"}).status_code == 400
    assert plain.get(f"{ask}/{'x' * 513}", params={"customer_id": "finds"}).status_code == 400


@pytest.mark.parametrize("minutes", ["0", "1441", "soon"])
def test_a_report_goes_back_a_day_at_most(server: Server, minutes: str) -> None:
    answer = plain.get(f"{server.url}/ingest/report/demo", params={"minutes": minutes})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_a_tenant_without_events_has_an_empty_report(server: Server) -> None:
    report = _report(server, "silent", minutes=60)
    assert report["minutes"] == []
    assert report["totals"]["received"] == 0


@asynccontextmanager
async def _following(server: Server, tenant: str, last_event_id: str = "") -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("GET", f"{server.url}/ingest/live/{tenant}", headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        yield Stream(response)


async def _verdicts(stream: Stream, count: int) -> tuple[list[dict[str, Any]], str]:
    found: list[dict[str, Any]] = []
    last = ""
    while len(found) < count:
        message = await stream.next("verdicts", 30)
        found, last = [*found, *message.events], message.id
    return found, last


async def test_whoever_wires_an_sdk_sees_each_verdict_as_it_comes(server: Server) -> None:
    tenant = "live"
    await asyncio.to_thread(_limit, server, tenant, 5)
    async with _following(server, tenant) as stream:
        await stream.next("other")
        await asyncio.to_thread(_send, server, "/track", _event(tenant, event_id="mine"))
        [accepted], _ = await _verdicts(stream, 1)
        await asyncio.to_thread(_send, server, "/track", _event(tenant, event_type="", event_id="bad"), 400)
        [rejected], _ = await _verdicts(stream, 1)
        await asyncio.to_thread(server.wait_until_stored)
        await asyncio.to_thread(_send, server, "/track", _event(tenant, event_id="mine"))
        again, last = await _verdicts(stream, 2)
        count = await asyncio.to_thread(_send_until_limited, server, tenant)
        found, _ = await _verdicts(stream, count + 1)

    assert (accepted["outcome"], accepted["client_event_id"], accepted["event_type"]) == ("accepted", "mine", "click")
    assert (accepted["protocol"], accepted["key_id"]) == ("native", "")
    assert (rejected["outcome"], rejected["reason"], rejected["event_ids"]) == ("rejected", "missing_event_type", ["bad"])
    assert [one["outcome"] for one in again] == ["accepted", "duplicate"]  # in the log first, and then recognised
    assert again[1]["event_ids"] == ["mine", accepted["event_id"]]
    assert [one["outcome"] for one in found] == ["accepted"] * count + ["limited"]
    assert (found[-1]["events"], found[-1]["event_ids"][0]) == (1, f"id{count}")

    async with _following(server, tenant, last) as stream:  # what came while nobody listened
        missed, _ = await _verdicts(stream, count + 1)
    assert [one["outcome"] for one in missed] == ["accepted"] * count + ["limited"]


async def test_streams_of_events_say_nothing_of_outcomes(server: Server) -> None:
    async with streaming(server, "quiet") as stream:
        await stream.next("other")
        await asyncio.to_thread(_send, server, "/track", _event("quiet", event_type=""), 400)
        await asyncio.to_thread(_until, server, "quiet", 1)
        await asyncio.to_thread(_send, server, "/track", _event("quiet", event_type="seen"))
        assert [event["event_type"] for event in (await stream.next()).events] == ["seen"]
