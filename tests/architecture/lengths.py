"""Files under 400 lines, functions under 40: what is longer is about two things.

python -m tests.architecture.lengths
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_FILE_LINES: Final = 400
_FUNCTION_LINES: Final = 40


def too_long(root: Path) -> Iterator[str]:
    """A line for each file or function that is too long."""
    for folder in ("libs", "services", "tests", "docs"):
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            lines = text.count("\n")
            if lines > _FILE_LINES:
                yield f"{path.relative_to(root)}: {lines} lines, {_FILE_LINES} at most"
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    length = (node.end_lineno or node.lineno) - _first_line(node) + 1
                    if length > _FUNCTION_LINES:
                        place = f"{path.relative_to(root)}:{node.lineno}"
                        yield f"{place}: {node.name} has {length} lines, {_FUNCTION_LINES} at most"


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Where the body begins, behind signature and docstring: what is promised may be said at length."""
    body = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
    return body[0].lineno


if __name__ == "__main__":
    found = list(too_long(_ROOT))
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.exit(bool(found))
