"""docs/sdks.md has an outcome for every case of every package of the locks; `make sdks` compares it with what it finds."""

import json
import re
from pathlib import Path

import pytest

from tests.sdks import umami
from tests.sdks.browsers import BROWSER_PACKAGES
from tests.sdks.packages import PACKAGES
from tests.sdks.table import CASES, ORDER, PAGE, read

_SDKS = Path(__file__).parents[1] / "sdks"


def _locked() -> dict[str, str]:
    versions = {"umami": umami.VERSION}
    for folder in ("node", "browser"):
        packages = json.loads((_SDKS / folder / "package-lock.json").read_text())["packages"]
        versions |= {path.rpartition("node_modules/")[2]: one["version"] for path, one in packages.items() if path}
    return versions | dict(re.findall(r"^([\w-]+)==(\S+)", (_SDKS / "python/requirements.lock").read_text(), re.MULTILINE))


@pytest.mark.parametrize("kind", CASES)
def test_every_package_has_its_line_and_every_case_its_outcome(kind: str) -> None:
    lines = read(PAGE.read_text(), kind)
    assert [package for package, _ in lines] == list(ORDER[kind])
    empty = {line: [case for case, cell in cells.items() if not cell or "failed" in cell] for line, cells in lines.items()}
    assert {line: cases for line, cases in empty.items() if cases} == {}


def test_the_versions_that_were_tried_are_those_of_the_locks() -> None:
    locked = _locked()
    names = {package.title: package.name for package in (*PACKAGES, *BROWSER_PACKAGES)}
    page = PAGE.read_text()
    tried = {title: version for kind in CASES for title, version in read(page, kind)}
    assert tried == {title: locked[names[title]] for title in tried}


@pytest.mark.parametrize("folder", ["node", "browser"])
def test_a_lock_of_npm_names_no_registry(folder: str) -> None:
    packages = json.loads((_SDKS / folder / "package-lock.json").read_text())["packages"]
    assert [path for path, one in packages.items() if "resolved" in one] == []
    assert [path for path, one in packages.items() if path and "integrity" not in one] == []
