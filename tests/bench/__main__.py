"""Measures the bars and prints them as a table, ratios against a baseline in the same run.

python -m tests.bench [embedded | kafka | single ones, as http or kafka.consumer]
"""

import importlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.bench.table import Row, line_of, print_table

_PARTS: Final = {
    "embedded": (
        *("http", "consumer", "freshness", "sse", "idle", "sustained", "tracker", "protocols", "access"),
        *("questions", "answers", "analysts"),
    ),
    "kafka": tuple(f"kafka.{one}" for one in ("ingestion", "consumer", "group", "freshness", "restart", "partitions")),
}


def main(names: list[str]) -> None:
    """Measure the named ones, or all."""
    wanted = [one for name in names or _PARTS for one in _PARTS.get(name, (name,))]
    known = [one for part in _PARTS.values() for one in part]
    if unknown := [one for one in wanted if one not in known]:
        sys.exit(f"no measurement is called {unknown[0]}; there are {', '.join([*_PARTS, *known])}")
    rows: list[Row] = []
    for name in wanted:
        began = time.monotonic()
        sys.stderr.write(f"measuring {name}\n")
        for row in _measured(name):
            rows.append(row)
            sys.stderr.write(f"{line_of(row)}\n")  # at once: whatever comes later may fail
        sys.stderr.write(f"measured {name} in {time.monotonic() - began:.0f} s\n")
    print_table(rows)


def _measured(name: str) -> Iterator[Row]:
    # On the disk that the data would be on: durability costs what it costs there.
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        try:
            yield from importlib.import_module(f"tests.bench.{name}").measure(Path(folder))
        except pytest.skip.Exception as missing:
            yield Row(name, f"not measured: {missing}", "", None)


if __name__ == "__main__":
    main(sys.argv[1:])
