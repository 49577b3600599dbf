"""The Python client and a real server: what is tracked is stored as it was meant, questions and streams are answered."""

import asyncio
import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millrace_client import AsyncMillrace, Failure, Millrace, MillraceError, Options
from millrace_client.live import Message, Parser
from tests.support import plain
from tests.support.server import Server

_QUICK = Options(flush_seconds=0.01)


def test_events_are_stored_as_they_were_tracked(server: Server) -> None:
    at = datetime(2026, 11, 1, 10, 0, 0, 123_000, tzinfo=UTC)
    with Millrace(server.url, customer_id="py_stored", options=_QUICK) as client:
        made = client.track(
            "buy",
            {"price": 12.5, "name": "Grüße \ud83d 😀", "nothing": float("nan")},
            visitor_id="v1",
            user_id="u1",
            session_id="s1",
            event_name="Bought",
            page_url="https://example.com/cart?utm_source=mail",
            referrer="https://google.com",
            context={"ip": "192.0.2.77", "locale": "de-DE"},
            timestamp=at,
        )
        assert client.flush(60)
        assert client.stats().stored == 1
        server.wait_until_stored()
        (row,) = client.query(
            "SELECT event_id, event_type, event_name, visitor_id, user_id, session_id, timestamp, properties, page_path, "
            "utm_source, referrer_domain, ip, language FROM events_raw WHERE customer_id = 'py_stored'"
        ).data
    assert row == {
        "event_id": made,
        "event_type": "buy",
        "event_name": "Bought",
        "visitor_id": "v1",
        "user_id": "u1",
        "session_id": "s1",
        "timestamp": "2026-11-01T10:00:00.123Z",
        "properties": '{"price":12.5,"name":"Grüße \ufffd 😀","nothing":null}',
        "page_path": "/cart",
        "utm_source": "mail",
        "referrer_domain": "google.com",
        "ip": row["ip"],
        "language": row["language"],
    }
    assert str(row["ip"]).startswith("192.0.2.0")
    assert str(row["language"]).startswith("de")


def test_verdicts_of_single_events_are_told(server: Server) -> None:
    told: list[Failure] = []
    options = Options(flush_seconds=30.0, on_failure=told.append)
    with Millrace(server.url, customer_id="py_verdicts", options=options) as client:
        client.track("good", visitor_id="v")
        nobody = client.track("nobody")
        old = client.track("old", visitor_id="v", timestamp="1970-01-01T00:00:00Z")
        large = client.track("large", {"text": ["x" * 60_000] * 5}, visitor_id="v")
        assert client.flush(60)
        assert (client.stats().stored, client.stats().rejected) == (1, 3)
    assert {one.event_id: one.code for one in told} == {
        nobody: "missing_identity",
        old: "timestamp_out_of_range",
        large: "event_too_large",
    }


def test_an_id_of_the_application_is_stored_once(server: Server) -> None:
    for _ in range(2):
        with Millrace(server.url, customer_id="py_once", options=_QUICK) as client:
            assert client.track("order", visitor_id="v", event_id="order-7") == "order-7"
    server.wait_until_stored()
    with Millrace(server.url, customer_id="py_once") as client:
        answer = client.query("SELECT count() AS n FROM events_raw WHERE customer_id = 'py_once'")
    assert (answer.data, answer.columns) == ([{"n": 1}], ["n"])
    assert answer.execution_time_ms > 0


async def test_the_asynchronous_client_tracks_and_asks(server: Server) -> None:
    async with AsyncMillrace(server.url, customer_id="py_async") as client:
        client.page("/", visitor_id="v1")
        await asyncio.to_thread(client.identify, "u1", {"plan": "pro"}, visitor_id="v1")
        assert await client.flush(60)
        await asyncio.to_thread(server.wait_until_stored)
        answer = await client.query("SELECT event_type FROM events_raw WHERE customer_id = 'py_async' ORDER BY event_type")
    assert [row["event_type"] for row in answer.data] == ["identify", "page_view"]


async def test_a_question_in_plain_language_is_answered_or_says_why_not(server: Server) -> None:
    with Millrace(server.url, customer_id="py_plain", options=_QUICK) as client:
        for visitor in ("v1", "v2"):
            client.page("/", visitor_id=visitor)
        assert client.flush(60)
        server.wait_until_stored()
        answer = client.ask("How many unique visitors today?")
        assert (answer.success, answer.data) == (True, [{"unique_visitors": 2}])
        assert "Unique visitors: 2." in answer.insights
        assert client.ask("page views by page", execute=False).data == []
    async with AsyncMillrace(server.url, customer_id="py_plain") as other:
        lost = await other.ask("How many flurbs?")
    assert (lost.success, lost.status, lost.data) == (False, "unanswerable", [])
    assert "flurbs" in lost.reason


async def test_a_question_that_is_refused_says_why(server: Server) -> None:
    with Millrace(server.url, customer_id="py_refused") as client:
        with pytest.raises(MillraceError) as refused:
            client.query("SELECT count() FROM events_raw")
        assert (refused.value.status, refused.value.code) == (403, "missing_tenant_filter")
        assert refused.value.request_id
        with pytest.raises(MillraceError) as wrong:
            client.query("SELEC")
        assert (wrong.value.status, wrong.value.code) == (400, "invalid_sql")
    async with AsyncMillrace("http://127.0.0.1:1", customer_id="py_refused") as nowhere:
        with pytest.raises(MillraceError) as unreachable:
            await nowhere.query("SELECT 1")
    assert (unreachable.value.status, unreachable.value.code) == (None, "unreachable")


def test_with_a_key_the_tenant_is_the_keys(tmp_path: Path) -> None:
    own = Server(tmp_path / "data", {"MILLRACE_AUTH": "required"})
    own.start()
    token = json.loads((tmp_path / "data/server.json").read_text())["token"]
    asked = {"tenant": "py_key", "kind": "secret", "scopes": ["ingest", "query"]}
    made = plain.post(f"{own.url}/admin/v1/keys", headers={"Authorization": f"Bearer {token}"}, json=asked, timeout=30)
    told: list[Failure] = []
    with Millrace(own.url, made.json()["key"], options=_QUICK) as client:
        event_id = client.track("click", visitor_id="v")
        assert client.flush(60)
        assert client.stats().stored == 1
        deadline = time.monotonic() + 60
        while not (rows := client.query("SELECT event_id FROM events_raw WHERE customer_id = 'py_key'").data):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert rows == [{"event_id": event_id}]
    with Millrace(own.url, "no key of anyone", customer_id="py_key", options=Options(on_failure=told.append)) as stranger:
        refused = stranger.track("click", visitor_id="v")
        assert stranger.flush(60)
        with pytest.raises(MillraceError) as unknown:
            stranger.query("SELECT 1")
    assert [(one.event_id, one.code) for one in told] == [(refused, unknown.value.code)]
    assert unknown.value.status == 401
    assert own.stop() == 0


def test_a_stream_needs_a_tenant_and_a_position_of_its_own(server: Server) -> None:
    client = Millrace(server.url)
    with pytest.raises(ValueError, match="customer_id"):
        client.stream()
    with pytest.raises(MillraceError) as refused:
        next(iter(client.stream(customer_id="py", last_event_id="no id")))
    assert (refused.value.status, refused.value.code) == (400, "invalid_last_event_id")


@pytest.mark.minutes
def test_a_live_stream_goes_on_over_a_restart_of_the_server(tmp_path: Path) -> None:
    own = Server(tmp_path / "data")
    own.start()
    seen: list[str] = []
    arrived = threading.Condition()
    client = Millrace(own.url, customer_id="py_live", options=_QUICK)
    stream = client.stream()

    def follow() -> None:
        for event in stream:
            with arrived:
                seen.append(event["event_type"])
                arrived.notify_all()
            if event["event_type"] == "last":
                return

    def wait_for(event_type: str, *, tracked: bool) -> None:
        deadline = time.monotonic() + 150
        with arrived:
            while event_type not in seen:  # from when the stream is open, which only its first event tells
                if tracked:
                    client.track(event_type, visitor_id="v")
                arrived.wait_for(lambda: event_type in seen, 0.2)
                assert time.monotonic() < deadline

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    wait_for("open", tracked=True)
    assert client.flush(60)
    own.kill()
    client.track("between", visitor_id="v")
    own.start()
    wait_for("between", tracked=False)
    client.track("last", visitor_id="v")
    follower.join(60)
    assert not follower.is_alive()
    assert seen.count("between") == seen.count("last") == 1
    assert stream.last_event_id
    client.close()
    assert own.stop() == 0


async def test_a_live_stream_is_followed_by_a_task(server: Server) -> None:
    async with AsyncMillrace(server.url, customer_id="py_live", options=_QUICK) as client:

        async def first() -> str:
            async for event in client.stream():
                return str(event["event_type"])
            raise AssertionError

        async with asyncio.timeout(60):
            following = asyncio.create_task(first())
            while not following.done():
                client.track("click", visitor_id="v")
                await asyncio.wait({following}, timeout=0.1)
            assert await following == "click"


def test_a_stream_is_read_piece_by_piece_whatever_stands_in_it() -> None:
    text = ': no\n: comment\nid: 1\nevent: new_events\ndata: ["\u2028\x85é"]\r\n\r\nretry: 1500\n\ndata:a\ndata: b\n\nid: 3\n\n'
    wire = text.encode()
    parser = Parser()
    found = [message for at in range(len(wire)) for message in parser.feed(wire[at : at + 1])]
    assert found == [Message("new_events", '["\u2028\x85é"]', "1"), Message("message", "a\nb", "1")]
    assert parser.retry_seconds == 1.5
