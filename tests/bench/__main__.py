"""Measures the bars and prints them as a table, ratios against a baseline in the same run.

python -m tests.bench [http consumer freshness sse idle sustained]
"""

import importlib
import sys
import tempfile
from pathlib import Path

from tests.bench.table import Row, print_table

_ALL = ("http", "consumer", "freshness", "sse", "idle", "sustained")


def main(names: list[str]) -> None:
    """Measure the named ones, or all."""
    rows: list[Row] = []
    for name in names or _ALL:
        sys.stderr.write(f"measuring {name}\n")
        # On the disk that the data would be on: durability costs what it costs there.
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
            rows += importlib.import_module(f"tests.bench.{name}").measure(Path(folder))
    print_table(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
