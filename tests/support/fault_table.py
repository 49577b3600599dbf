"""Puts the report of a run of the fault tests into docs/reliability.md:

python -m tests.support.fault_table REPORT [REPORT...]

Of a test that several reports have, the last one counts.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[2] / "docs/reliability.md"
_BEGIN, _END = "<!-- report: `make faults` -->\n", "<!-- end of the report -->"


def table(report: dict[str, Any]) -> str:
    """The section; the cases of a test are one row."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in report["rows"]:
        rows.setdefault(str(row["test"]).partition("[")[0], []).append(row)
    failed = sum(row["outcome"] != "passed" for row in report["rows"])
    lines = [
        (
            f"{len(report['rows'])} cases of {len(rows)} tests, {failed} failed, on {report['date']}: {report['machine']}, "
            f"Python {report['python']}. Times are those of this machine under its load."
        ),
        "",
        "| test | injected | acknowledged | stored | lost | doubled | acknowledging again | seed | more |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(test, cases) for test, cases in rows.items()),
    ]
    return "\n".join(lines) + "\n"


def _row(test: str, cases: list[dict[str, Any]]) -> str:
    injected: Counter[str] = Counter()
    for case in cases:
        injected.update(case["injected"])
    counts = [_sum(case[name] for case in cases) for name in ("acknowledged", "stored", "lost", "doubled")]
    recoveries = [case["recovery_seconds"] for case in cases if case["recovery_seconds"] is not None]
    seeds = [str(case["seed"]) for case in cases if case["seed"] is not None]
    cells = [
        f"`{test}`" + ("" if all(case["outcome"] == "passed" for case in cases) else " **failed**"),
        ", ".join(f"{times:,} x {what}" for what, times in injected.items()),
        *("" if count is None else f"{count:,}" for count in counts),
        f"after {max(recoveries):.1f} s" if recoveries else "",
        ", ".join(seeds),
        "; ".join(note for case in cases for note in case["notes"]),
    ]
    return "| " + " | ".join(cells) + " |"


def _sum(counts: Any) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def merged(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One report, of the machine and the sources of the last."""
    rows = {str(row["test"]): row for report in reports for row in report["rows"]}
    return {**reports[-1], "rows": [rows[test] for test in sorted(rows)]}


def main(reports: Sequence[Path]) -> None:
    """Write the section anew."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    report = merged([json.loads(path.read_text()) for path in reports])
    PAGE.write_text(before + _BEGIN + table(report) + _END + after)


if __name__ == "__main__":
    main([Path(given) for given in sys.argv[1:]])
