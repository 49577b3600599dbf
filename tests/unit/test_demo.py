"""The demo's shop: the same story for everyone who asks, and a believable one."""

import itertools
import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from millrace_core.ids import time_of_uuid7
from millrace_ingestion.enrich.agents import Agents
from millrace_standalone.commands.demo import _past
from millrace_standalone.demo.rhythm import daily
from millrace_standalone.demo.shop import live_shop, past_shop
from millrace_standalone.demo.visitors import BOTS, DEVICES
from millrace_standalone.demo.visits import Happening
from tests.support.ingestion import NOW, tracker

_HOUR = 3_600_000
_DAY = 24 * _HOUR


@pytest.fixture(scope="module")
def week() -> list[Happening]:
    return list(past_shop("demo", 1, 6_000).events(NOW - 7 * _DAY, NOW))


@pytest.fixture(scope="module")
def told(week: list[Happening]) -> list[dict[str, Any]]:
    return [json.loads(event.text) for event in week]


def test_the_same_seed_tells_the_same_events_with_the_same_ids(week: list[Happening]) -> None:
    assert list(past_shop("demo", 1, 6_000).events(NOW - 7 * _DAY, NOW)) == week


def test_another_seed_or_another_customer_is_another_shop(week: list[Happening]) -> None:
    ids = {event.event_id for event in week}

    assert ids.isdisjoint(event.event_id for event in past_shop("demo", 2, 6_000).events(NOW - _DAY, NOW))
    assert ids.isdisjoint(event.event_id for event in past_shop("other", 1, 6_000).events(NOW - _DAY, NOW))


def test_what_happens_does_not_depend_on_when_one_begins_to_look(week: list[Happening]) -> None:
    begin = NOW - 2 * _DAY - 12_345

    assert list(past_shop("demo", 1, 6_000).events(begin, NOW)) == [event for event in week if event.at >= begin]


def test_the_live_shop_goes_on_without_an_end_and_never_repeats_the_past() -> None:
    past = {event.event_id for event in past_shop("demo", 1, 100_000).events(NOW, NOW + _HOUR)}
    live = live_shop("demo", 1, 5.0).events(NOW)
    first = [next(live) for _ in range(2_000)]

    assert past.isdisjoint(event.event_id for event in first)
    assert first == list(live_shop("demo", 1, 5.0).events(NOW, first[-1].at + 1))[: len(first)]


def test_events_come_in_order_with_an_id_each_that_holds_their_time(week: list[Happening]) -> None:
    assert week == sorted(week)
    assert len({event.event_id for event in week}) == len(week)
    assert all(time_of_uuid7(event.event_id) == event.at for event in week)
    assert all(NOW - 7 * _DAY <= event.at < NOW for event in week)


def test_days_and_seconds_have_about_as_many_events_as_asked(week: list[Happening]) -> None:
    live = sum(1 for _ in live_shop("demo", 3, 4.0).events(NOW, NOW + 2 * _HOUR))

    assert len(week) / 7 == pytest.approx(6_000, rel=0.25)
    assert live / 7200 == pytest.approx(4.0, rel=0.1)


def test_the_evening_is_busier_than_the_night(week: list[Happening]) -> None:
    hours = Counter(event.at // _HOUR % 24 for event in week)

    assert hours[20] > 5 * hours[3]
    assert all(hours[hour] for hour in range(24))


def test_the_pace_has_no_steps_between_hours() -> None:
    pace = daily(10_000, "seed")
    minutes = [pace(minute) for minute in range(30_000_000, 30_000_000 + 1440)]

    assert all(abs(after / before - 1) < 0.06 for before, after in itertools.pairwise(minutes))


def test_each_step_of_the_funnel_loses_most_of_the_visits(told: list[dict[str, Any]]) -> None:
    visits: dict[str, set[str]] = defaultdict(set)
    for event in told:
        visits[event["event_type"]].add(event.get("session_id", ""))
    whole = len(set().union(*visits.values()))
    shares = [len(visits[step]) / whole for step in ("page_view", "product_view", "add_to_cart", "checkout", "purchase")]

    assert shares == sorted(shares, reverse=True)
    assert 0.4 < shares[1] < 0.7
    assert 0.05 < shares[2] < 0.2
    assert 0.015 < shares[4] < 0.06


def test_a_purchase_follows_its_cart_and_checkout_and_says_what_it_cost(told: list[dict[str, Any]]) -> None:
    seen: dict[str, list[str]] = defaultdict(list)
    purchases = 0
    for event in told:
        if event["event_type"] == "purchase":
            purchases += 1
            steps, said = seen[event["session_id"]], event["properties"]
            if event["timestamp"] > NOW - 6 * _DAY:  # a visit may have begun before the first day
                assert steps.index("product_view") < steps.index("add_to_cart") < steps.index("checkout")
            assert said["amount"] > 0
            assert said["quantity"] >= 1
            assert said["currency"] == "EUR"
            assert said["order_id"].startswith("o_")
        seen[event.get("session_id", "")].append(event["event_type"])
    assert purchases > 100


def test_people_come_back_as_who_they_were(told: list[dict[str, Any]]) -> None:
    sessions: dict[str, set[str]] = defaultdict(set)
    agents: dict[str, set[str]] = defaultdict(set)
    users: dict[str, set[str]] = defaultdict(set)
    for event in told:
        if "session_id" not in event:
            continue
        sessions[event["visitor_id"]].add(event["session_id"])
        agents[event["visitor_id"]].add(event["context"]["userAgent"])
        if "user_id" in event:
            users[event["visitor_id"]].add(event["user_id"])

    assert 0.05 < sum(len(each) > 1 for each in sessions.values()) / len(sessions) < 0.5
    assert all(len(each) == 1 for each in agents.values())
    assert all(len(each) == 1 for each in users.values())
    assert users


def test_the_platform_knows_every_device_and_every_bot() -> None:
    judge = Agents().judge

    for device in DEVICES:
        found = judge(device.agent)
        assert (found.device, found.is_bot) == (device.kind, False), device.agent
        assert found.browser
        assert found.os
    assert all(judge(agent).is_bot for agent in BOTS)


async def test_every_event_is_accepted_as_it_is(week: list[Happening]) -> None:
    tracking = tracker(clock=lambda: NOW)

    reply = await tracking.post("/track/batch", b'{"events":[' + b",".join(event.text for event in week[-3000:]) + b"]}")

    assert reply.body["events_accepted"] == 3000
    assert reply.body["errors"] == []
    lines = tracking.log.lines
    assert "warnings" not in reply.body
    assert [line["event_id"] for line in lines] == [event.event_id for event in week[-3000:]]
    channels = Counter(line.get("channel", "") for line in lines if line["event_type"] == "page_view")
    assert {"direct", "organic search", "paid search", "email"} <= channels.keys()
    assert 0.003 < sum(line.get("is_bot", False) for line in lines) / len(lines) < 0.12


def test_the_past_is_told_from_its_last_hour_backwards_and_nothing_twice(week: list[Happening]) -> None:
    told = list(_past(past_shop("demo", 1, 6_000), NOW, 7.0))
    texts = [text for _, batch in told for text in batch]
    assert len(texts) == len(set(texts)) == len(week)
    assert set(texts) == {event.text for event in week}
    days = [done for done, _ in told]
    assert days == sorted(days)
    assert 6.9 < days[-1] <= 7.0
    last_hour = [event.text for event in week if event.at >= NOW - _HOUR]
    assert texts[: len(last_hour)] == last_hour


@pytest.mark.parametrize("days", [1 / 48, 0.5, 1.0, 2.25])
def test_a_past_of_any_length_is_whole(days: float) -> None:
    shop = past_shop("demo", 1, 6_000)
    texts = {text for _, batch in _past(shop, NOW, days) for text in batch}
    assert texts == {event.text for event in shop.events(NOW - round(days * _DAY), NOW)}
