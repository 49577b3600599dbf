"""Runs the SDKs of others and writes what passed into docs/sdks.md.

python -m tests.sdks [arguments of pytest]
"""

import re
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.sdks.packages import PACKAGES

_PAGE: Final = Path(__file__).parents[2] / "docs/sdks.md"
_TABLE: Final = re.compile(r"(?<=<!-- The table is made by `make sdks`. -->\n\n)(?:\|.*\n)*")
_CASES: Final = {
    "test_happy_path": "every field",
    "test_gzip": "gzip",
    "test_wrong_key": "401 is final",
    "test_overload": "429 or 503, then stored",
    "test_lost_answer": "killed before the answer arrives",
    "test_killed_after_answer": "killed behind the answer",
}


class Table:
    """Gathers the outcome of each case of each package."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[str, str], dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a test has ended."""
        told = dict(report.user_properties).get("sdk")
        if isinstance(told, tuple) and (report.when == "call" or report.outcome != "passed"):
            package, version, case = told
            word = {"passed": "passed", "failed": "**failed**"}.get(report.outcome, "–")
            self.outcomes.setdefault((package, version), {})[case] = word

    def keep(self, page: str) -> None:
        """Take over what an earlier run of the same versions found, of cases that this one did not run."""
        found = _TABLE.search(page)
        for line in found[0].splitlines()[2:] if found else ():
            package, version, *cells = (cell.strip(" `") for cell in line.strip("|").split("|"))
            told = self.outcomes.setdefault((package, version), {})
            for case, cell in zip(_CASES, cells, strict=False):
                if cell:
                    told.setdefault(case, cell)

    def text(self) -> str:
        """As Markdown."""
        lines = [f"| package | version | {' | '.join(_CASES.values())} |", "|" + "---|" * (len(_CASES) + 2)]
        order = [package.title for package in PACKAGES]
        for (package, version), cases in sorted(self.outcomes.items(), key=lambda one: order.index(one[0][0])):
            lines.append(f"| `{package}` | {version} | {' | '.join(cases.get(case, '') for case in _CASES)} |")
        return "\n".join(lines) + "\n"


def main() -> None:
    """Run, and write."""
    table = Table()
    code = pytest.main(["-m", "sdks", "-n", "0", str(Path(__file__).parent), *sys.argv[1:]], plugins=[table])
    if table.outcomes:
        page = _PAGE.read_text(encoding="utf-8")
        table.keep(page)
        text = table.text()
        assert _TABLE.search(page), "docs/sdks.md has no place for the table"
        _PAGE.write_text(_TABLE.sub(lambda _: text, page, count=1), encoding="utf-8")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
