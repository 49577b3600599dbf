"""When people shop: the shape of a day and of a week, and days that are better than others."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

# Share of a day's visits in each hour (UTC), as shops in Europe see it: a lunch hump, a long evening, few at night.
_HOURS: Final = (
    1.1, 0.7, 0.5, 0.4, 0.5, 1.0, 2.1, 3.4, 4.5, 5.2, 5.6, 5.8, 6.1, 5.7, 5.4, 5.3, 5.4, 5.9, 6.7, 7.4, 7.6, 6.4, 4.3, 2.3,
)  # fmt: skip
_WEEKDAYS: Final = (1.06, 1.02, 1.0, 1.01, 0.93, 0.92, 1.12)  # Monday to Sunday
_HOUR_SUM: Final = sum(_HOURS)

Pace = Callable[[int], float]
"""Expected visits in a minute, given as minutes since the epoch."""


def daily(visits_a_day: float, seed: str) -> Pace:
    """The pace of an average of so many visits a day, by hour and weekday; one day in twelve is a campaign's."""

    @lru_cache(maxsize=64)
    def of_hour(hour: int) -> float:
        day = hour // 24
        chance = random.Random(f"{seed}/day/{day}")  # noqa: S311
        campaign = 1.45 if chance.random() < 1 / 12 else 0.96
        weekday = _WEEKDAYS[datetime.fromtimestamp(day * 86_400, UTC).weekday()]
        return visits_a_day * weekday * campaign * chance.uniform(0.92, 1.08) * _HOURS[hour % 24] / _HOUR_SUM / 60

    def pace(minute: int) -> float:
        # Between the middles of two hours it goes in a line, so that no hour begins with a step.
        hour, past = divmod(minute - 30, 60)
        return (of_hour(hour) * (60 - past) + of_hour(hour + 1) * past) / 60

    return pace


def steady(visits_a_minute: float) -> Pace:
    """The same pace at any time."""
    return lambda _minute: visits_a_minute
