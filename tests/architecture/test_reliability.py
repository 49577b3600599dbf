"""docs/reliability.md: every numbered fault has a test that there is, or says what is missing."""

import re
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_ROW: Final = re.compile(r"^\| (\d+) \| .* \| ([^|]+) \|$", re.MULTILINE)
_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_NOT_YET: Final = {33, 37, 38}
"""May only shrink."""


def _rows() -> dict[int, str]:
    return {int(number): tests for number, tests in _ROW.findall((_ROOT / "docs/reliability.md").read_text())}


def test_each_of_the_38_faults_has_a_row() -> None:
    assert sorted(_rows()) == list(range(1, 39))


def test_each_fault_names_tests_that_there_are_or_is_known_to_have_none() -> None:
    without = set()
    for number, tests in _rows().items():
        found = _TEST.findall(tests)
        for file, name in found:
            text = (_ROOT / file).read_text()
            assert not name or re.search(rf"^\s*(?:async )?def {name}\(", text, re.MULTILINE), f"{number}: {file}::{name}"
        if not found:
            assert tests.startswith("not built yet: "), number
            without.add(number)
    assert without == _NOT_YET
