"""What the platform costs when nobody asks anything of it, and the disk of a million events of the demo shop.

``python -m tests.bench.idle ENGINE`` merges the tables of a stopped engine and prints their bytes as one JSON object.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.processes import cpu_seconds, memory_mb, server
from tests.bench.table import Row
from tests.support.checker import connect
from tests.support.commands import millrace

_SECONDS = 60.0


def measure(folder: Path) -> Iterator[Row]:
    """Start, idle, then the shop."""
    began = time.perf_counter()
    with server(folder) as ours:
        ready = time.perf_counter() - began
        time.sleep(15)
        cpu, since = cpu_seconds(ours.pid), time.perf_counter()
        time.sleep(_SECONDS)
        share = (cpu_seconds(ours.pid) - cpu) / (time.perf_counter() - since) * 100
        memory = memory_mb(ours.pid)
        demo = ("demo", "--days", "20", "--events-per-day", "50000", "--rate", "0", "--url", ours.url)
        done = millrace(*demo, seconds=300)
        assert done.code == 0, done.err
        ours.wait_until_stored()
    sizes = _sizes(ours.data_dir / "warehouse" / "engine")
    events = sizes["events_raw"]["rows"]
    per_million = {name: one["bytes"] / events for name, one in sizes.items()}  # bytes an event are MB a million
    yield Row("start to ready", f"{ready:.1f} s", "<= 5 s", ready <= 5)
    yield Row("idle memory", f"{memory:.0f} MB", "<= 450 MB", memory <= 450)
    yield Row("idle CPU", f"{share:.1f} %", "<= 3 %", share <= 3)
    detail = ", ".join(
        f"{name} {size:.1f}" for name, size in sorted(per_million.items(), key=lambda one: -one[1]) if size >= 0.1
    )
    total = sum(per_million.values())
    yield Row(f"disk per million of {events:,} demo events", f"{total:.1f} MB ({detail})", "<= 95 MB", total <= 95)


def _sizes(engine: Path) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.bench.idle", str(engine)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=300)
    sizes: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return sizes


def _merged(engine: Path) -> dict[str, dict[str, int]]:
    connection = connect(str(engine))

    def ask(sql: str) -> list[Any]:
        return [json.loads(line) for line in connection.query(sql, "JSONEachRow").bytes().decode().splitlines()]

    for table in ask("SELECT name FROM system.tables WHERE database = 'analytics' AND engine LIKE '%MergeTree'"):
        connection.query(f"OPTIMIZE TABLE analytics.{table['name']} FINAL", "TSV")
    rows = ask(
        "SELECT table, sum(rows)::UInt64 AS rows, sum(bytes_on_disk) AS bytes FROM system.parts "
        "WHERE database = 'analytics' AND active GROUP BY table"
    )
    return {row["table"]: {"rows": int(row["rows"]), "bytes": int(row["bytes"])} for row in rows}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_merged(Path(sys.argv[1]))))
