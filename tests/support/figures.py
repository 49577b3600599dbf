"""What a fault test did and what came of it.

Figures are noted where faults are injected and where the outcome is judged, so a test cannot claim what it did not do. The
plugin (``tests.support.fault_report``) begins a run of figures with each test and collects them.
"""

import dataclasses
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """One test's. Events are counted by id; None is what the test does not look at."""

    seed: int | None = None
    injected: Counter[str] = field(default_factory=Counter)
    acknowledged: int | None = None
    stored: int | None = None
    lost: int | None = None
    doubled: int | None = None
    recovery_seconds: float | None = None
    """The longest time from the end of a fault to the next acknowledgement."""
    notes: list[str] = field(default_factory=list)
    healed_at: float | None = None

    def as_dict(self) -> dict[str, object]:
        """For a report."""
        return {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name != "healed_at"}


_current = Figures()


@contextmanager
def recording() -> Iterator[Figures]:
    """The figures of what happens in the block."""
    global _current  # noqa: PLW0603 (injectors are called from threads and helpers that know no test)
    _current = Figures()
    yield _current


def seed() -> int:
    """The seed of a random test, printed; ``MILLRACE_TEST_SEED`` repeats one."""
    chosen = int(os.environ.get("MILLRACE_TEST_SEED", time.time_ns() % 1_000_000))
    _current.seed = chosen
    print(f"seed {chosen}")  # noqa: T201 (a failure is repeated with MILLRACE_TEST_SEED)
    return chosen


def injected(what: str, times: int = 1) -> None:
    """A fault was injected."""
    _current.injected[what] += times


def healed() -> None:
    """What was broken is whole again: from now on the time to the next acknowledgement counts."""
    if _current.injected:  # the first start of something mends nothing
        _current.healed_at = time.monotonic()


def acknowledged() -> None:
    """An event was acknowledged."""
    if (since := _current.healed_at) is not None:
        _current.healed_at = None
        _current.recovery_seconds = max(_current.recovery_seconds or 0.0, time.monotonic() - since)


def outcome(*, acknowledged: int, stored: int, lost: int, doubled: int) -> None:
    """What was promised and what is there, counted by the one who judges."""
    for name, count in (("acknowledged", acknowledged), ("stored", stored), ("lost", lost), ("doubled", doubled)):
        setattr(_current, name, (getattr(_current, name) or 0) + count)


def note(text: str) -> None:
    """A figure that belongs to this test alone."""
    _current.notes.append(text)
