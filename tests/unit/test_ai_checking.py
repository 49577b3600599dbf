"""Texts about an answer: a number that nothing computed is found, in whatever way it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_analytics.ai.checking import computed_of, unfounded

_ROWS = [["/pricing", 456, 12.345], ["SKU-77", 1234, None], ["2026-03-01", 1_200_000, -8.0]]
_ALLOWED = computed_of(_ROWS, "the top 10 pages of the last 7 days", ["That is 37.3 % of all."])


@pytest.mark.parametrize(
    "text",
    [
        "/pricing has the most views: 456.",
        "SKU-77 has 1,234; on 2026-03-01 there were 1.2M.",
        "It is 12.35, or 12.3, or 12 (37.3 % of all), down by 8 in 7 days; the top 10.",
        "The pricing page comes second.",
        "No number here.",
        "1,200,000 is 1.2 million.",
    ],
)
def test_what_was_computed_may_be_said(text: str) -> None:
    assert unfounded(text, _ALLOWED) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("457 views.", ["457"]),
        ("12.33", ["12.33"]),
        ("1,235 and 456", ["1,235"]),
        ("Views doubled.", ["doubled"]),
        ("Twice as many, half of them new.", ["Twice", "half"]),
        ("Three of them left.", ["Three"]),
        ("It grew by 3x.", ["3"]),
        ("It grew by ٣ points.", ["٣"]),
        ("1.3M people", ["1.3M"]),
        ("38 % of all", ["38"]),
        ("v2 is best", ["v2"]),
        ("Nobody bought.", ["Nobody"]),
        ("4 56", ["4", "56"]),
    ],
)
def test_what_was_not_computed_is_found(text: str, found: list[str]) -> None:
    assert unfounded(text, _ALLOWED) == found


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_another_whole_number_is_always_found(stored: int, said: int) -> None:
    wrong = unfounded(f"There were {said:,} events.", computed_of([[stored]]))
    assert (wrong == []) == (stored == said)


@given(st.floats(-1e9, 1e9, allow_nan=False), st.integers(0, 4))
def test_a_number_may_be_rounded(stored: float, digits: int) -> None:
    assert unfounded(f"It is {abs(stored):,.{digits}f}.", computed_of([[stored]])) == []
