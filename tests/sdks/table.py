"""The tables of docs/sdks.md: what a run found, case by case of each package, and whether the page says the same."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.sdks.browsers import BROWSER_PACKAGES
from tests.sdks.packages import PACKAGES

PAGE: Final = Path(__file__).parents[2] / "docs/sdks.md"
_SHARED: Final = {
    "test_happy_path": "every field",
    "test_gzip": "gzip",
    "test_wrong_key": "401 is final",
    "test_overload": "429 or 503, then stored",
    "test_too_large": "413",
    "test_lost_answer": "killed before the answer arrives",
    "test_killed_after_answer": "killed behind the answer",
}
CASES: Final[Mapping[str, Mapping[str, str]]] = {
    "servers": _SHARED,
    "browsers": {**_SHARED, "test_offline": "offline, then online"},
}
"""The columns, by the test that fills each."""
ORDER: Final[Mapping[str, Sequence[str]]] = {
    "servers": [one.title for one in PACKAGES],
    "browsers": [one.title for one in BROWSER_PACKAGES],
}
"""The lines."""
Lines = dict[tuple[str, str], dict[str, str]]
"""By package and version: a word for each case."""


class Outcomes:
    """A plug-in that gathers what became of each case of each package."""

    def __init__(self) -> None:
        self.lines: dict[str, Lines] = {kind: {} for kind in CASES}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a test has ended."""
        properties = dict(report.user_properties)
        told = properties.get("sdk")
        if isinstance(told, tuple | list) and (report.when == "call" or report.outcome != "passed"):
            kind, package, version, case = map(str, told)
            self.lines[kind].setdefault((package, version), {})[case] = _word(report, properties.get("cell"))

    def differences(self, page: str) -> list[str]:
        """Where the page says something else than was found. What was not run is not compared."""
        different = []
        for kind, lines in self.lines.items():
            written = read(page, kind)
            for line, cells in lines.items():
                for case, word in cells.items():
                    said = written.get(line, {}).get(case, "nothing")
                    if said != word:
                        different.append(f"{' '.join(line)}, {CASES[kind][case]}: docs/sdks.md says {said}, found was {word}")
        return different

    def written_into(self, page: str) -> str:
        """The page with what was found, and with what it said of the same versions' cases that were not run."""
        for kind, lines in self.lines.items():
            if not lines:
                continue
            written, run = read(page, kind), {package for package, _ in lines}
            merged = {line: cells for line, cells in written.items() if line[0] not in run}
            merged |= {line: {**written.get(line, {}), **cells} for line, cells in lines.items()}
            place = _place(page, kind)
            page = page[: place.start()] + _text(kind, merged) + page[place.end() :]
        return page


def read(page: str, kind: str) -> Lines:
    """What a page's table says."""
    lines: Lines = {}
    for line in _place(page, kind)[0].splitlines()[2:]:
        package, version, *cells = (cell.strip(" `") for cell in line.strip("|").split("|"))
        lines[package, version] = dict(zip(CASES[kind], cells, strict=True))
    return lines


def _text(kind: str, lines: Lines) -> str:
    cases, order = CASES[kind], ORDER[kind]
    text = [f"| package | version | {' | '.join(cases.values())} |", "|" + "---|" * (len(cases) + 2)]
    for (package, version), cells in sorted(lines.items(), key=lambda one: order.index(one[0][0])):
        text.append(f"| `{package}` | {version} | {' | '.join(cells.get(case, '') for case in cases)} |")
    return "\n".join(text) + "\n"


def _place(page: str, kind: str) -> re.Match[str]:
    found = re.search(rf"(?<=<!-- The table of {kind} is made by `make sdks`. -->\n\n)(?:\|.*\n)*", page)
    assert found is not None, f"docs/sdks.md has no place for the table of {kind}"
    return found


def _word(report: pytest.TestReport, cell: object) -> str:
    if report.outcome == "failed":
        return "**failed**"
    if report.outcome == "skipped":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return reason.removeprefix("Skipped: ")
    return str(cell or "passed")
