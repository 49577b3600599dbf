"""The last lines of a run: which tests were skipped, and why, and which ClickHouse server the others had. Nothing is skipped
silently."""

from collections.abc import Generator

import pytest

from tests.support.clickhouse import kind_of_clickhouse


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """List them, behind everything else that is said of the run."""
    yield
    terminalreporter.section("what was skipped, and why")
    skipped = terminalreporter.stats.get("skipped", [])
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")
    deselected = len(terminalreporter.stats.get("deselected", []))
    if deselected:
        terminalreporter.write_line(f"{deselected} tests were deselected by the command line")
    if not skipped and not deselected:
        terminalreporter.write_line("nothing was skipped")
    terminalreporter.write_line(f"ClickHouse server of these tests: {kind_of_clickhouse()}")
