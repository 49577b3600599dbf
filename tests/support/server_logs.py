"""What servers said last, beside each failure of a test that has one."""

from collections.abc import Generator

import pytest

from tests.support.server import Server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the log of each fixture that is a server."""
    report = yield
    if report.failed:
        servers = {name: one for name, one in item.funcargs.items() if isinstance(one, Server) and one.log.exists()}
        report.sections += [(f"log of {name}", one.tail()) for name, one in servers.items()]
    return report
