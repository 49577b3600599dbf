"""docs/reliability.md: every numbered fault has a test that there is, and the report of a run is of such tests."""

import re
from pathlib import Path
from typing import Final

from tests.support.fault_table import PAGE

_ROOT: Final = Path(__file__).parents[2]
_ROW: Final = re.compile(r"^\| (\d+) \| .* \| ([^|]+) \|$", re.MULTILINE)
_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def _rows() -> dict[int, str]:
    return {int(number): tests for number, tests in _ROW.findall(PAGE.read_text())}


def test_each_of_the_38_faults_has_a_row() -> None:
    assert sorted(_rows()) == list(range(1, 39))


def test_each_fault_names_tests_that_there_are() -> None:
    for number, tests in _rows().items():
        found = _TEST.findall(tests)
        assert found, number
        for file, name in found:
            assert not name or _defines(file, name), f"{number}: {file}::{name}"


def test_each_fault_test_is_part_of_the_report() -> None:
    for path in sorted((_ROOT / "tests/faults").glob("test_*.py")):
        assert re.search(r"^pytestmark = .*pytest\.mark\.faults", path.read_text(), re.MULTILINE), path.name


def test_the_report_tells_of_tests_that_there_are() -> None:
    reported = re.findall(r"^\| `(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text(), re.MULTILINE)
    assert reported
    for file, name in reported:
        assert _defines(file, name), f"{file}::{name}"


def _defines(file: str, name: str) -> bool:
    return re.search(rf"^\s*(?:async )?def {name}\(", (_ROOT / file).read_text(), re.MULTILINE) is not None
