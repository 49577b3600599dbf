"""The report of the fault tests of a run: a row a test, printed at the end, and written to the file that
``MILLRACE_TEST_REPORT`` names."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support import figures

_PROPERTY = "figures"
_rows: list[dict[str, Any]] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """What is injected while fixtures are taken down is no fault."""
    with figures.recording() as found:
        try:
            return (yield)
        finally:
            item.user_properties.append((_PROPERTY, json.dumps(found.as_dict())))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the row of a fault test, also of one that ran in another process."""
    if report.when != "call" or "faults" not in report.keywords or report.skipped:
        return
    found: dict[str, Any] = json.loads(str(dict(report.user_properties)[_PROPERTY]))
    _rows.append({"test": report.nodeid, "outcome": report.outcome, "seconds": round(report.duration, 1), **found})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows, and write them where they are asked for."""
    if not _rows:
        return
    terminalreporter.section("fault tests")
    rows = sorted(_rows, key=lambda row: str(row["test"]))
    for row in rows:
        terminalreporter.write_line(line_of(row))
    if (asked := os.environ.get("MILLRACE_TEST_REPORT")) is not None:
        Path(asked).write_text(json.dumps({**_where(), "rows": rows}, indent=1) + "\n")


def line_of(row: dict[str, Any]) -> str:
    """A row as one line of text."""
    injected = ", ".join(f"{times} x {what}" for what, times in row["injected"].items()) or "nothing counted"
    parts = [f"{row['test'].rpartition('/')[2]}: {row['outcome']}, {row['seconds']} s; {injected}"]
    parts += [f"{row[name]:,} {name}" for name in ("acknowledged", "stored", "lost", "doubled") if row[name] is not None]
    if row["recovery_seconds"] is not None:
        parts.append(f"acknowledging again after {row['recovery_seconds']:.1f} s")
    if row["seed"] is not None:
        parts.append(f"seed {row['seed']}")
    return "; ".join([*parts, *row["notes"]])


def _where() -> dict[str, Any]:
    """The machine, the day and the sources of a run."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB",
        "python": platform.python_version(),
        "commit": commit,
    }
