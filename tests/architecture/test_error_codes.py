"""docs/reference/errors.md is kept by hand: it has each code that the source gives, with the status of its answer."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from millrace_core import errors
from millrace_core.errors import MillraceError, QueryError
from millrace_web.errors import status_of

_ROOT: Final = Path(__file__).parents[2]
_SOURCES: Final = [path for room in ("libs", "services") for path in sorted((_ROOT / room).rglob("*.py"))]
_TEXT: Final = "\n".join(path.read_text() for path in _SOURCES)
_PAGE: Final = (_ROOT / "docs/reference/errors.md").read_text()

_MADE_OF_A_NAME: Final = {"invalid_body", "invalid_event", "invalid_properties", "invalid_context"}
"""``invalid_<field>``: stands nowhere as a whole."""

Given = tuple[str, int | None]
"""A code and the status of its answer, None where the place does not say."""


def test_every_code_of_the_source_is_explained() -> None:
    given = {code for code, _ in _all_given()}
    assert len(given) > 50
    assert sorted(given - _explained()) == []


def test_no_code_is_explained_that_the_source_does_not_have() -> None:
    assert [code for code in sorted(_explained() - _MADE_OF_A_NAME) if f'"{code}"' not in _TEXT] == []


def test_statuses_are_those_that_are_answered() -> None:
    told = {
        code: int(status)
        for row, status in re.findall(r"^\| (`[^|]+) \| (\d{3}) \|", _PAGE, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", row)
    }
    given = {(code, status) for code, status in _all_given() if status is not None and code in told}
    assert len(given) > 35
    assert sorted((code, status, told[code]) for code, status in given if told[code] != status) == []


def _explained() -> set[str]:
    cells = re.findall(r"^\| (`[^|]+) \|", _PAGE, re.MULTILINE)
    return {code for cell in cells for code in re.findall(r"`(\w+)`", cell)} | {"too_many_cells"}


def _all_given() -> set[Given]:
    return {given for path in _SOURCES for node in ast.walk(ast.parse(path.read_text())) for given in _given_by(node)}


def _given_by(node: ast.AST) -> Iterator[Given]:
    match node:
        case ast.ClassDef():
            yield from _given_by_class(node)
        case ast.Call():
            yield from _given_by_call(node)
        case ast.Dict():
            yield from _given_by_table(node)


def _given_by_class(node: ast.ClassDef) -> Iterator[Given]:
    """An error class with a ``code``; one outside of core has the status of its base."""
    named = [node.name, *(base.id for base in node.bases if isinstance(base, ast.Name))]
    for line in node.body:
        match line:
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                yield code, next((status for name in named if (status := _status(name)) is not None), None)


def _given_by_call(node: ast.Call) -> Iterator[Given]:
    """``SomeError(…, code="…")``, and the functions that take status and code by position."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    for keyword in node.keywords:
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
            yield str(keyword.value.value), _status(name)
    match name, node.args:
        case "plain_error" | "error_body", [ast.Constant(value=int(status)), ast.Constant(value=str(code)), *_]:
            yield code, status
        case "_answer", [_, ast.Constant(value=int(status)), ast.Constant(value=str(code)), *_]:
            yield code, status
        case "warn", [_, _, ast.Constant(value=str(code)), *_]:
            yield code, None


def _given_by_table(node: ast.Dict) -> Iterator[Given]:
    """Of the engine's numbers to (code, message) of a QueryError, or of statuses to codes."""
    for key, value in zip(node.keys, node.values, strict=True):
        match key, value:
            case ast.Constant(value=int()), ast.Tuple(elts=[ast.Constant(value=str(code)), _]):
                yield code, _status(QueryError.__name__)
            case ast.Constant(value=int(status)), ast.Constant(value=str(code)) if 400 <= status < 600 and "_" in code:
                yield code, status


def _status(name: str) -> int | None:
    """The status of the error of core with this name."""
    kind = getattr(errors, name, None)
    return status_of(kind("")) if isinstance(kind, type) and issubclass(kind, MillraceError) else None
