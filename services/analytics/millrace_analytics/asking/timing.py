"""Where the time of an answer went, as the header ``Server-Timing`` has it (W3C)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from millrace_analytics.asking.answers import Outcome


class Timing:
    """Of one answer."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._spans: list[str] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Measure a part of it."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._spans.append(f"{name};dur={(time.perf_counter() - began) * 1000:.1f}")

    def note(self, outcome: Outcome) -> None:
        """Say where the answer is from."""
        self._spans.append(f'cache;desc="{outcome}"')

    @property
    def header(self) -> str:
        """All parts until now, and the whole."""
        return ", ".join([*self._spans, f"total;dur={(time.perf_counter() - self._began) * 1000:.1f}"])


def headers_of(timing: Timing, outcome: Outcome, age_seconds: float) -> dict[str, str]:
    """``X-Cache``, ``Age`` where it is not new, ``Server-Timing``."""
    age = {"Age": str(int(age_seconds))} if outcome in ("hit", "stale") else {}
    return {"X-Cache": outcome, "Server-Timing": timing.header, **age}
