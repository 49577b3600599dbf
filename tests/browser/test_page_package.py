"""What of the page is handed out: its types, what a first visit weighs, and a lock that names no registry."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.page import BUILT, skip_without_page

_PAGE = Path(__file__).parents[2] / "page"
_MOST_BYTES = 250_000


def test_a_first_visit_loads_less_than_250_kb() -> None:
    skip_without_page()
    html = (BUILT / "index.html").read_text()
    names = re.findall(r'assets/([^"]+)"', html)
    assert any(name.endswith(".js") for name in names)
    assert any(name.endswith(".css") for name in names)
    fonts = [file.name for file in BUILT.iterdir() if file.name.startswith("inter-latin-wght-normal")]
    weights = {name: len(gzip.compress((BUILT / name).read_bytes(), 9)) for name in [*names, *fonts, "index.html"]}
    assert sum(weights.values()) <= _MOST_BYTES, weights


def test_what_is_served_names_no_other_origin_and_runs_nothing_inline() -> None:
    skip_without_page()
    html = (BUILT / "index.html").read_text()
    assert re.findall(r'(?:src|href)="(?!\./)[^"]*"', html) == ['href="docs"']
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=|style=", html) == []
    styles = "".join(file.read_text() for file in BUILT.glob("*.css"))
    assert re.findall(r"url\((?!\./)[^)]*\)|@import", styles) == []


def test_the_sources_are_typed() -> None:
    if shutil.which("npm") is None or not (_PAGE / "node_modules").exists():
        pytest.skip("Node with npm is not installed, or the page is not built: make page")
    done = subprocess.run(["npm", "run", "types"], cwd=_PAGE, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_names_no_registry() -> None:
    lock: dict[str, Any] = json.loads((_PAGE / "package-lock.json").read_text())
    packages = [one for path, one in lock["packages"].items() if path]
    assert len(packages) > 20
    assert [one for one in packages if "resolved" in one or "integrity" not in one] == []


@pytest.mark.parametrize("kind", ["*.ts", "*.tsx", "*.css"])
def test_no_file_is_about_two_things(kind: str) -> None:
    found = {str(file.relative_to(_PAGE)): len(file.read_text().splitlines()) for file in (_PAGE / "src").rglob(kind)}
    assert found
    assert {name: lines for name, lines in found.items() if lines > 400} == {}
