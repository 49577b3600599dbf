"""Times as clients send them, and as the warehouse and answers have them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.time import iso_of_warehouse, iso_time, parse_time, warehouse_time

_FIRST = datetime(1970, 1, 2)  # noqa: DTZ001 -- the strategy takes bounds without a zone
_LAST = datetime(2200, 1, 1)  # noqa: DTZ001
_NOON = 1_771_243_200_000  # 2026-02-16T12:00:00Z


@pytest.mark.parametrize(
    ("sent", "millis"),
    [
        ("2026-02-16T12:00:00.000Z", _NOON),
        ("2026-02-16T12:00:00z", _NOON),
        ("2026-02-16 12:00:00", _NOON),
        ("2026-02-16T12:00", _NOON),
        ("2026-02-16T14:00:00+02:00", _NOON),
        ("2026-02-16T06:30:00-0530", _NOON),
        ("2026-02-16T12:00:00.123456789Z", _NOON + 123),
        ("2026-02-16T12:00:00.9999Z", _NOON + 999),
        ("2026-02-16T11:59:60Z", _NOON),
        ("  2026-02-16T12:00:00.000Z ", _NOON),
        ("2026-02-16", _NOON - 12 * 3_600_000),
        (1_771_243_200, _NOON),
        (1_771_243_200.25, _NOON + 250),
        (_NOON, _NOON),
        (str(_NOON), _NOON),
        ("1771243200", _NOON),
        (0, 0),
        (-1, -1000),
    ],
)
def test_a_time_is_read_in_each_form_that_clients_send(sent: str | float, millis: int) -> None:
    assert parse_time(sent) == millis


@pytest.mark.parametrize(
    "sent", ["", "yesterday", "2026-13-01", "2026-02-30T00:00:00Z", "2026-02-16T25:00:00Z", "nan", "inf", "1e400", 1e300]
)
def test_what_is_no_time_gives_none(sent: str | float) -> None:
    assert parse_time(sent) is None


@given(
    st.datetimes(min_value=_FIRST, max_value=_LAST),
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_what_python_writes_is_read_to_the_millisecond(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_time(aware.isoformat()) == expected


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_every_form_written_is_read_back(millis: int) -> None:
    assert parse_time(iso_time(millis)) == millis
    assert parse_time(warehouse_time(millis)) == millis
    assert iso_of_warehouse(warehouse_time(millis)) == iso_time(millis)


def test_the_warehouse_gets_text_with_three_digits() -> None:
    assert warehouse_time(_NOON + 7) == "2026-02-16 12:00:00.007"
    assert iso_time(_NOON) == "2026-02-16T12:00:00.000Z"
