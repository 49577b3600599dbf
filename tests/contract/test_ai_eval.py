"""The floor of the offline matcher: how often it has to be right, and how rarely it may be wrong."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.eval.scoring import is_right

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[str, int]]:
    """In a process of its own: an engine is of one process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.eval", "--json"], cwd=_ROOT, capture_output=True, text=True, timeout=600, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return dict(found["offline"])


def test_four_of_five_questions_are_answered_rightly_and_hardly_any_wrongly(counts: dict[str, dict[str, int]]) -> None:
    for name, of in counts.items():
        asked = sum(of.values())
        assert of["wrong"] <= 0.03 * asked, (name, of)
        if name != "samples":
            assert of["right"] >= 0.8 * asked, (name, of)
    assert sum(counts["questions"].values()) == 18


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ([["DE", 10]], [["DE", 11]]),
        ([["DE", 10]], [["US", 10]]),
        ([["DE", 10], ["US", 5]], [["DE", 10]]),
        ([], [["DE", 10]]),
        ([["DE", 10]], []),
        ([[10]], [["DE", 10]]),
        ([["DE", 1.5], ["US", 2.5]], [["DE", 2.5], ["US", 1.5]]),
        ([[0.5]], [[51.0]]),
        ([["2026-03-01", 1]], [["2026-03-02", 1]]),
        ([[1834]], [[1833]]),
        ([[1]], [[100]]),
        ([[80.4]], [[80]]),
        ([[0.44]], [[0.4]]),
        ([[25364.48]], [[25339.48]]),
        ([["DE", 0.5], ["US", 25.0]], [["DE", 50.0], ["US", 25.0]]),
        ([["DE", "mobile", 1], ["US", "mobile", 0]], [["DE", "mobile", 1]]),
    ],
)
def test_another_answer_is_not_the_gold_answer(answer: list[list[Any]], gold: list[list[Any]]) -> None:
    assert not is_right(answer, gold)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ([["DE", "x", 10]], [[10, "DE"]]),
        ([["US", 2], ["DE", 1]], [["DE", 1], ["US", 2]]),
        ([[33.33]], [[0.3333]]),
        ([["2026-03-01T00:00:00.000Z", 1]], [["2026-03-01", 1]]),
        ([["", None]], [["(none)", 0]]),
        ([[12.28]], [[12.3]]),
        ([[0.333333]], [[33.33]]),
        ([[33.33]], [[0.333333]]),
        ([[0.1 + 0.2]], [[0.3]]),
        ([["2026-03-01", 0], ["2026-03-02", 5]], [["2026-03-02", 5]]),
        ([], []),
    ],
)
def test_names_orders_and_roundings_do_not_matter(answer: list[list[Any]], gold: list[list[Any]]) -> None:
    assert is_right(answer, gold)


def test_of_a_top_the_order_counts() -> None:
    gold = [["DE", 3], ["US", 2], ["FR", 2]]
    assert is_right([["DE", 3], ["FR", 2], ["US", 2]], gold, ordered=True)
    assert not is_right([["US", 2], ["FR", 2], ["DE", 3]], gold, ordered=True)
