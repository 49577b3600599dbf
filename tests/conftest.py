"""What every test may use: fixtures live in ``tests/support``, one file a neighbour."""

pytest_plugins = [
    "tests.support.fault_report",
    "tests.support.skips",
    "tests.support.warehouse",
    "tests.support.analytics",
    "tests.support.browser",
    "tests.support.containers",
    "tests.support.neighbours",
    "tests.support.records",
    "tests.support.server_logs",
    "tests.support.metric_events",
]
