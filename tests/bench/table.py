"""The table of bars: what was measured beside what must be reached."""

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    bar: str
    reached: bool | None
    """None where the line is there to be read beside others."""


def ratio_row(what: str, ours: float, baseline: float, bar: float | None, unit: str) -> Row:
    """A line that compares two figures of the same run."""
    ratio = ours / baseline
    measured = f"{ours:,.0f} against {baseline:,.0f} {unit}: {ratio:.2f}x"
    return Row(what, measured, "", None) if bar is None else Row(what, measured, f">= {bar:g}x", ratio >= bar)


def print_table(rows: Iterable[Row]) -> None:
    """As Markdown, with machine and date."""
    write = sys.stdout.write
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} shared cores"
    write(f"\n{datetime.now(UTC):%Y-%m-%d}, {machine}\n\n")
    write("| | measured | must reach | |\n|---|---|---|---|\n")
    for row in rows:
        write(f"{line_of(row)}\n")
    sys.stdout.flush()


def line_of(row: Row) -> str:
    """A row as Markdown."""
    mark = "" if row.reached is None else "reached" if row.reached else "**not reached**"
    return f"| {row.what} | {row.measured} | {row.bar} | {mark} |"
