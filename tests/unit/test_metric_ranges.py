"""Which time a range is, and which it is compared with."""

import datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from millrace_core.errors import InvalidInput
from millrace_warehouse.metrics.ranges import Range, Span, span_before, span_of, zone_of

_RANGE: TypeAdapter[Any] = TypeAdapter(Range)


def _millis(text: str) -> int:
    return int(datetime.datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


def _told(span: Span) -> tuple[str, ...]:
    """In UTC."""
    moments = [datetime.datetime.fromtimestamp(at / 1000, datetime.UTC) for at in (span.first, span.end)]
    return tuple(moment.strftime("%m-%dT%H:%M") for moment in moments)


@pytest.mark.parametrize(
    ("asked", "during", "before"),
    [
        # Vienna's clock is set forward on 29 March 2026, 01:00 UTC.
        ({"last": 48, "unit": "hour"}, ("03-28T10:00", "03-30T10:00"), ("03-26T10:00", "03-28T10:00")),
        ({"last": 2, "unit": "day"}, ("03-28T11:00", "03-30T10:00"), ("03-26T11:00", "03-28T11:00")),
        ({"last": 3, "unit": "hour", "align": "to_date"}, ("03-30T08:00", "03-30T10:00"), ("03-30T05:00", "03-30T07:00")),
        ({"last": 90, "unit": "minute", "align": "complete"}, ("03-30T08:30", "03-30T10:00"), ("03-30T07:00", "03-30T08:30")),
        ({"last": 1, "unit": "week", "align": "to_date"}, ("03-29T22:00", "03-30T10:00"), ("03-22T23:00", "03-23T11:00")),
        ({"last": 1, "unit": "month", "align": "complete"}, ("01-31T23:00", "02-28T23:00"), ("12-31T23:00", "01-31T23:00")),
    ],
)
def test_hours_pass_and_days_are_the_calendars(asked: dict[str, Any], during: tuple[str, str], before: tuple[str, str]) -> None:
    given, zone = _RANGE.validate_python(asked), zone_of("Europe/Vienna")
    span = span_of(given, _millis("2026-03-30T10:00:00"), zone)
    assert (_told(span), _told(span_before(given, span, "previous_period", zone))) == (during, before)


def test_an_hour_that_the_clock_shows_twice_is_one() -> None:
    zone = zone_of("Europe/Vienna")  # set back at 01:00 UTC
    for minute in ("00:05", "01:05"):
        asked = _RANGE.validate_python({"last": 1, "unit": "hour", "align": "to_date"})
        now = _millis(f"2026-10-25T{minute}:00")
        assert span_of(asked, now, zone) == Span(now - 5 * 60_000, now)
        assert span_of(_RANGE.validate_python({"last": 5, "unit": "minute"}), now, zone) == Span(now - 5 * 60_000, now)


def test_a_month_up_to_its_31st_is_compared_with_a_shorter_one_until_the_same_hour_of_its_last_day() -> None:
    asked, zone = _RANGE.validate_python({"last": 1, "unit": "month", "align": "to_date"}), zone_of("UTC")
    span = span_of(asked, _millis("2026-03-31T10:00:00"), zone)
    assert _told(span_before(asked, span, "previous_period", zone)) == ("02-01T00:00", "02-28T10:00")


@pytest.mark.parametrize(
    ("start", "end", "before"),
    [
        ("2025-02-22", "2025-02-28", ("02-22T00:00", "02-29T00:00")),
        ("2025-02-28", "2025-02-28 ", ("02-28T00:00", "02-29T00:00")),
        ("2025-02-01", "2025-02-28", ("02-01T00:00", "03-01T00:00")),
        ("2024-02-29", "2024-02-29", ("02-28T00:00", "03-01T00:00")),
        ("2025-01-01", "2025-12-31", ("01-01T00:00", "01-01T00:00")),
    ],
)
def test_a_year_before_ends_with_the_same_day(start: str, end: str, before: tuple[str, str]) -> None:
    asked, zone = _RANGE.validate_python({"start": start, "end": end}), zone_of("UTC")
    span = span_of(asked, _millis("2026-03-30T10:00:00"), zone)
    assert _told(span_before(asked, span, "previous_year", zone)) == before


@pytest.mark.parametrize(("start", "end"), [("1960-01-01", "1965-01-01"), ("2101-01-01", "2105-01-01")])
def test_a_range_in_which_nothing_can_be_is_refused(start: str, end: str) -> None:
    with pytest.raises(InvalidInput, match="outside of 1970 to 2100"):
        span_of(_RANGE.validate_python({"start": start, "end": end}), _millis("2026-03-30T10:00:00"), zone_of("UTC"))
