"""How both Python clients deliver: batches, retries with the same ids, waits that a server asks for, failures that are told."""

import json
import threading
import time
from email.utils import formatdate
from typing import Any

import pytest

from millrace_client import Failure, Millrace, Options
from tests.support.python_client import KINDS, driven
from tests.support.scripted import Reply, Seen, scripted

pytestmark = pytest.mark.parametrize("kind", KINDS)
_QUICK = {"flush_seconds": 0.01, "first_retry_seconds": 0.02, "longest_retry_seconds": 0.1}


def _options(**more: Any) -> Options:
    return Options(**{**_QUICK, **more})


def test_events_leave_together_with_the_key_and_when_they_were_sent(kind: str) -> None:
    with scripted() as server, driven(kind, server.url, _options(flush_seconds=30.0, batch_events=3)) as client:
        ids = [client.tracker.track("click", {"n": number}, visitor_id="v") for number in range(3)]
        (request,) = server.wait_for(1)
        assert client.flush()
    assert request.ids == ids
    assert request.headers["authorization"] == "Bearer key-1"
    assert [event["properties"]["n"] for event in request.events] == [0, 1, 2]
    assert {event["customer_id"] for event in request.events} == {"shop"}
    assert request.sent_at >= max(event["timestamp"] for event in request.events)


def test_a_batch_leaves_when_its_first_event_has_waited(kind: str) -> None:
    with scripted() as server, driven(kind, server.url, _options(flush_seconds=0.05)) as client:
        client.tracker.track("click", visitor_id="v")
        assert len(server.wait_for(1)[0].events) == 1


def test_large_batches_are_packed_and_none_is_larger_than_allowed(kind: str) -> None:
    options = _options(flush_seconds=30.0, batch_bytes=20_000)
    with scripted() as server, driven(kind, server.url, options) as client:
        for _ in range(50):
            client.tracker.track("click", {"text": "x" * 1000}, visitor_id="v")
        assert client.flush()
        assert sum(len(request.events) for request in server.seen) == 50
        assert max(len(request.events) for request in server.seen) < 20
        assert {request.headers["content-encoding"] for request in server.seen} == {"gzip"}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again_with_the_same_ids(kind: str, status: int) -> None:
    trouble = Reply(status, body=b"<html>")
    with scripted(trouble, trouble, Reply()) as server, driven(kind, server.url, _options()) as client:
        ids = [client.tracker.track("click", visitor_id="v") for _ in range(5)]
        assert client.flush()
        stats = client.stats()
        sent = [request.ids for request in server.seen]
    assert sent[0] == sent[1] == sent[2]
    assert [one for request in sent[2:] for one in request] == ids
    assert (stats.stored, stats.rejected, stats.dropped, stats.waiting, stats.retries) == (5, 0, 0, 0, 2)


def test_a_connection_that_breaks_before_the_answer_is_tried_again(kind: str) -> None:
    with scripted(Reply(hang_up=True), Reply()) as server, driven(kind, server.url, _options()) as client:
        client.tracker.track("click", visitor_id="v")
        assert client.flush()
        assert server.seen[0].ids == server.seen[1].ids
        assert client.stats().stored == 1


def test_a_page_of_a_gateway_is_no_answer(kind: str) -> None:
    replies = (Reply(body=b"<html>log in</html>"), Reply(body=b'{"ok": true}'), Reply())
    with scripted(*replies) as server, driven(kind, server.url, _options()) as client:
        client.tracker.track("click", visitor_id="v")
        assert client.flush()
        assert len(server.seen) == 3


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_wait_that_a_server_asks_for_is_honoured(kind: str, status: int, form: str) -> None:
    # A date has whole seconds: the one that is 3 seconds away is between 2 and 3 seconds away when it is read.
    asked = {"Retry-After": "2" if form == "seconds" else formatdate(time.time() + 3, usegmt=True)}
    with scripted(Reply(status, asked), Reply()) as server, driven(kind, server.url, _options()) as client:
        client.tracker.track("click", visitor_id="v")
        first, second = server.wait_for(2)
        assert client.flush()
    assert second.at - first.at >= (2 if form == "seconds" else 1.5)


def test_the_same_event_is_not_sent_twice_at_once(kind: str) -> None:
    hold = threading.Event()
    with scripted(Reply(hold=hold), Reply()) as server, driven(kind, server.url, _options()) as client:
        ids = [client.tracker.track("click", visitor_id="v")]
        server.wait_for(1)
        ids += [client.tracker.track("click", visitor_id="v") for _ in range(20)]
        assert not client.flush(0.1)
        hold.set()
        assert client.flush()
        assert [one for request in server.seen for one in request.ids] == ids


def test_rejected_events_are_told_one_by_one_and_the_others_are_stored(kind: str) -> None:
    told: list[Failure] = []
    errors = [{"index": 1, "event_id": None, "code": "invalid_timestamp", "message": "no time"}, {"index": 99}]
    body = json.dumps({"success": True, "events_accepted": 2, "events_rejected": 1, "errors": errors}).encode()
    options = _options(batch_events=3, flush_seconds=30.0, on_failure=told.append)
    with scripted(Reply(body=body)) as server, driven(kind, server.url, options) as client:
        ids = [client.tracker.track("click", {"n": number}, visitor_id="v") for number in range(3)]
        assert client.flush()
        stats = client.stats()
    assert [(one.event_id, one.code, one.event["properties"]) for one in told] == [(ids[1], "invalid_timestamp", {"n": 1})]
    assert (stats.stored, stats.rejected) == (2, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301])
def test_a_refusal_for_good_is_told_and_not_repeated(kind: str, status: int) -> None:
    told: list[Failure] = []
    refusal = Reply(status, {"Location": "/elsewhere"}, b'{"code": "not_you", "message": "Who are you?"}')
    with scripted(refusal, Reply()) as server, driven(kind, server.url, _options(on_failure=told.append)) as client:
        refused = client.tracker.track("click", visitor_id="v")
        assert client.flush()
        assert len(server.seen) == 1
        taken = client.tracker.track("click", visitor_id="v")
        assert client.flush()
        assert server.seen[1].ids == [taken]
    assert [(one.event_id, one.code, one.message) for one in told] == [(refused, "not_you", "Who are you?")]


def test_a_request_that_is_too_large_is_cut_until_it_fits(kind: str) -> None:
    def judge(request: Seen) -> Reply:
        huge = any(event["event_type"] == "huge" for event in request.events)
        return Reply(413, body=b"{}") if huge or len(request.events) > 2 else Reply()

    told: list[Failure] = []
    options = _options(flush_seconds=30.0, on_failure=told.append)
    with scripted(more=judge) as server, driven(kind, server.url, options) as client:
        ids = [client.tracker.track("small", visitor_id="v") for _ in range(6)]
        huge = client.tracker.track("huge", visitor_id="v")
        assert client.flush()
        taken = [one for request in server.seen if judge(request).status == 200 for one in request.ids]
    assert taken == ids
    assert [one.event_id for one in told] == [huge]


def test_a_full_queue_drops_counts_and_tells_but_never_raises(kind: str) -> None:
    told: list[Failure] = []
    hold = threading.Event()
    options = _options(queue_events=10, on_failure=told.append)
    with scripted(Reply(hold=hold), Reply()) as server, driven(kind, server.url, options) as client:
        ids = [client.tracker.track("click", visitor_id="v") for _ in range(25)]
        stats = client.stats()
        assert [one is None for one in ids] == [False] * 10 + [True] * 15
        assert (stats.tracked, stats.dropped, stats.waiting) == (25, 15, 10)
        hold.set()
        assert client.flush()
        assert [one for request in server.seen for one in request.ids] == ids[:10]
    assert {one.code for one in told} == {"queue_full"}
    assert len(told) == 15


def test_a_queue_is_bounded_in_bytes_too(kind: str) -> None:
    with scripted() as server, driven(kind, server.url, _options(queue_bytes=50_000, flush_seconds=30.0)) as client:
        for _ in range(10):
            client.tracker.track("click", {"text": "x" * 10_000}, visitor_id="v")
        assert (client.stats().waiting, client.stats().dropped) == (4, 6)


def test_tracking_never_raises_whatever_it_is_given(kind: str) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

        __repr__ = __str__

    def angry(failure: Failure) -> None:
        raise RuntimeError(failure.code)

    endless: dict[str, Any] = {}
    endless["me"] = endless
    with scripted() as server, driven(kind, server.url, _options(on_failure=angry)) as client:
        given: list[Any] = [{"x": Hostile()}, endless, Hostile(), 5, {Hostile(): 1}]
        assert [client.tracker.track("click", each, visitor_id="v") for each in given[:2]] == [None, None]
        for each in given[2:]:
            client.tracker.track("click", each, visitor_id="v")
        client.tracker.track(Hostile(), visitor_id="v")  # type: ignore[arg-type]
        client.tracker.track("after", visitor_id="v")
        assert client.flush()
        assert server.seen[-1].events[-1]["event_type"] == "after"


def test_closing_sends_what_waits_and_takes_nothing_more(kind: str) -> None:
    with scripted(Reply(503), Reply()) as server, driven(kind, server.url, _options(flush_seconds=30.0)) as client:
        ids = [client.tracker.track("click", visitor_id="v") for _ in range(3)]
        client.close(30.0)
        assert server.seen[-1].ids == ids
        assert client.tracker.track("late", visitor_id="v") is None
        assert (client.stats().stored, client.stats().dropped) == (3, 1)


def test_closing_gives_up_in_time_and_tells_what_is_lost(kind: str) -> None:
    told: list[Failure] = []
    hold = threading.Event()
    options = _options(on_failure=told.append, batch_events=2)
    with scripted(Reply(hold=hold)) as server, driven(kind, server.url, options) as client:
        ids = [client.tracker.track("click", visitor_id="v") for _ in range(5)]
        server.wait_for(1)
        client.close(0.2)
        hold.set()
        assert [(one.event_id, one.code) for one in told] == [(each, "not_delivered") for each in ids]
        assert (client.stats().dropped, client.stats().waiting) == (5, 0)


def test_pages_and_users_are_events_as_the_tracker_sends_them(kind: str) -> None:
    with scripted() as server, driven(kind, server.url, _options(flush_seconds=30.0)) as client:
        client.tracker.page("/pricing", title="Pricing", page_url="https://example.com/pricing", visitor_id="v")
        client.tracker.identify("u1", {"plan": "pro"}, visitor_id="v", customer_id="other")
        assert client.flush()
        page, user = server.seen[0].events
    assert (page["event_type"], page["properties"]) == ("page_view", {"page": "/pricing", "title": "Pricing"})
    assert page["page_url"] == "https://example.com/pricing"
    assert (user["event_type"], user["user_id"], user["visitor_id"]) == ("identify", "u1", "v")
    assert (user["properties"], user["customer_id"]) == ({"plan": "pro"}, "other")


def test_a_wrong_address_or_option_is_told_where_it_is_given(kind: str) -> None:
    for wrong in ("", "localhost:8080", "ftp://localhost", "http://"):
        with pytest.raises(ValueError, match="URL"):
            Millrace(wrong)
    with pytest.raises(ValueError, match="batch_events"):
        Options(batch_events=0 if kind == "threads" else 20_000)
