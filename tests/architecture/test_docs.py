"""What the documentation says is so."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.generate import PAGES, differences

_ROOT = Path(__file__).parents[2]
_SOURCES = [path for room in ("libs", "services") for path in sorted((_ROOT / room).rglob("*.py"))]
_PAGES = [*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md")]


def test_the_reference_says_what_the_code_does() -> None:
    assert not differences(), "run `make docs`"


def test_every_generated_page_has_something_to_say() -> None:
    for make in PAGES.values():
        assert len(make().splitlines()) > 20


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_decisions_that_the_code_points_at_are_there() -> None:
    texts = [
        path for room in ("libs", "services", "tests") for kind in ("py", "sql") for path in (_ROOT / room).rglob(f"*.{kind}")
    ]
    named = {name for path in texts for name in re.findall(r"docs/adr/[\w.-]+\.md", path.read_text())}
    assert named
    assert [name for name in sorted(named) if not (_ROOT / name).exists()] == []


def _codes(tree: ast.AST) -> Iterator[str]:
    """Error codes where they are given: ``code="…"``, a class's ``code``, and by position in three functions."""
    by_position = {"plain_error": 1, "error_body": 1, "warn": 2}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == "code":
                    yield from _text(line.value)
        if isinstance(node, ast.Dict):  # of numbers of the engine to what is said: (code, message)
            for value in node.values:
                if isinstance(value, ast.Tuple) and len(value.elts) == 2 and isinstance(value.elts[0], ast.Constant):
                    yield from (code for code in _text(value.elts[0]) if re.fullmatch("[a-z_]+", code))
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from _text(keyword.value)
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in by_position and len(node.args) > by_position[name]:
                yield from _text(node.args[by_position[name]])


def _text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_every_error_code_is_explained() -> None:
    page = (_ROOT / "docs/reference/errors.md").read_text()
    explained = {code for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for code in re.findall(r"`(\w+)`", row)}
    given = {code for path in _SOURCES for code in _codes(ast.parse(path.read_text()))}
    assert len(given) > 40
    assert sorted(given - explained - {"too_many_cells"}) == []
    text = "\n".join(path.read_text() for path in _SOURCES)
    made = {"invalid_body", "invalid_event", "invalid_properties", "invalid_context"}  # of the field's name: objects.refusal_of
    assert [code for code in sorted(explained - made) if f'"{code}"' not in text] == []
