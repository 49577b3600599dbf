"""What every test may use: fixtures live in ``tests/support``, one file a neighbour."""

pytest_plugins = ["tests.support.skips", "tests.support.warehouse", "tests.support.analytics"]
