"""What the Python client makes of the values that an application has at hand."""

import json
import math
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_client.events import encode, make_item, new_id
from millrace_core.ids import normal_uuid, time_of_uuid7

_KEYS = st.text(max_size=10) | st.integers() | st.none() | st.booleans()
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


class _Plan(Enum):
    PRO = "pro"


@given(st.integers(0, 2**48 - 1))
def test_ids_are_uuids_that_the_server_keeps_and_tell_their_time(now: int) -> None:
    made = new_id(now)
    assert normal_uuid(made) == made
    assert uuid.UUID(made).version == 7
    assert uuid.UUID(made).variant == uuid.RFC_4122
    assert time_of_uuid7(made) == now


def test_no_two_ids_are_alike() -> None:
    assert len({new_id(1_800_000_000_000) for _ in range(10_000)}) == 10_000


@given(_VALUES)
def test_whatever_python_has_becomes_strict_json(value: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(encode({"value": value}).decode("utf-8"), parse_constant=refuse)


def test_values_that_json_does_not_have_are_written_as_what_they_mean() -> None:
    some = uuid.uuid4()
    said: dict[Any, Any] = {
        "when": datetime(2026, 11, 1, 10, tzinfo=UTC),
        "price": Decimal("12.50"),
        "plan": _Plan.PRO,
        "id": some,
        "tags": {"one"},
        "nothing": math.nan,
        "pair": (1, 2),
        7: "seven",
        _Plan.PRO: math.inf,
    }
    event = make_item("buy", said, {"visitor_id": "v"}).event
    assert event["properties"] == {
        "when": "2026-11-01T10:00:00+00:00",
        "price": 12.5,
        "plan": "pro",
        "id": str(some),
        "tags": ["one"],
        "nothing": None,
        "pair": [1, 2],
        "7": "seven",
        "pro": None,
    }


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested too deeply"):
        make_item("buy", {"endless": endless}, {"visitor_id": "v"})


def test_times_are_written_in_utc_and_now_is_the_default() -> None:
    noon = datetime(2026, 11, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert make_item("t", None, {"timestamp": noon}).event["timestamp"] == "2026-11-01T10:00:00.000Z"
    assert make_item("t", None, {"timestamp": 1_793_527_200}).event["timestamp"] == 1_793_527_200
    now = make_item("t", None, {}).event
    told = time_of_uuid7(now["event_id"])
    assert told is not None
    assert now["timestamp"] == datetime.fromtimestamp(told / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def test_an_event_says_what_it_was_when_it_was_tracked() -> None:
    basket = ["a"]
    item = make_item("buy", {"basket": basket}, {"visitor_id": "v", "user_id": None, "event_id": "my-id"})
    basket.append("b")
    assert item.event["properties"] == {"basket": ["a"]}
    assert item.event_id == item.event["event_id"] == "my-id"
    assert "user_id" not in item.event
