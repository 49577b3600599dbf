"""Every block of code in the documentation is run by a test, or looked at here, or says above it why it is not run."""

import ast
import importlib.util
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

import click
import pytest
import yaml

from millrace_ingestion.protocols.routes import ROUTES
from millrace_standalone.__main__ import millrace
from tests.support.code_blocks import PAGES, ROOT, Block, all_blocks, blocks_of


class Run(NamedTuple):
    """A test that runs blocks as they stand on a page."""

    page: str
    language: str
    test: str
    beginning: str = ""
    """Those that begin so; all of the language without it."""

    def runs(self, block: Block) -> bool:
        """Whether it runs this one."""
        is_here = fnmatch(block.page, self.page) and block.language == self.language
        return is_here and not block.why_not and block.text.startswith(self.beginning)


RUN: Final = (
    Run("README.md", "bash", "tests/e2e/test_readme.py", "curl "),
    Run("README.md", "python", "tests/e2e/test_python_guide.py"),
    Run("README.md", "html", "tests/browser/test_guide.py"),
    Run("README.md", "", "tests/e2e/test_readme.py", "libs/core "),
    Run("libs/client/README.md", "python", "tests/e2e/test_python_guide.py"),
    Run("docs/guides/python.md", "python", "tests/e2e/test_python_guide.py"),
    Run("docs/guides/tracker.md", "html", "tests/browser/test_guide.py"),
    Run("docs/guides/where-is-my-event.md", "bash", "tests/e2e/test_event_guide.py", "curl "),
    Run("docs/guides/privacy.md", "bash", "tests/e2e/test_privacy_guide.py"),
    Run("docs/guides/sdks/*.md", "bash", "tests/sdks/test_guides.py"),
    Run("docs/guides/sdks/*.md", "html", "tests/sdks/test_guides.py"),
    Run("docs/guides/sdks/*.md", "js", "tests/sdks/test_guides.py"),
    Run("docs/guides/sdks/*.md", "python", "tests/sdks/test_guides.py"),
    Run("docs/guides/plain-language.md", "bash", "tests/e2e/test_quick_starts.py"),
    Run("docs/guides/questions.md", "bash", "tests/e2e/test_quick_starts.py"),
    Run("docs/guides/questions.md", "json", "tests/e2e/test_quick_starts.py"),
    Run("docs/guides/sql.md", "json", "tests/e2e/test_quick_starts.py"),
    Run("docs/start/ask.md", "bash", "tests/e2e/test_quick_starts.py"),
    Run("docs/start/sdks.md", "bash", "tests/e2e/test_quick_starts.py", "curl "),
    Run("docs/start/sdks.md", "python", "tests/e2e/test_quick_starts.py"),
    Run("docs/start/sql.md", "bash", "tests/e2e/test_quick_starts.py"),
    Run("docs/start/sql.md", "sql", "tests/e2e/test_quick_starts.py"),
    Run("docs/start/tracker.md", "bash", "tests/e2e/test_quick_starts.py"),
    Run("docs/start/tracker.md", "html", "tests/browser/test_guide.py"),
    Run("docs/migrate/*.md", "bash", "tests/e2e/test_migration_guides.py"),
    Run("docs/migrate/*.md", "sql", "tests/e2e/test_migration_guides.py"),
    Run("docs/reference/events.md", "sql", "tests/contract/test_identity_links.py"),
)

_MAKE: Final = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
_DOCUMENTED: Final = re.findall(r"^### [A-Z]+ (/\S*)$", (ROOT / "docs/reference/http.md").read_text(), re.MULTILINE)
_PATHS: Final = {*_DOCUMENTED, *(one.path for one in ROUTES)}


def _json(text: str) -> None:
    json.loads(text)


def _yaml(text: str) -> None:
    assert yaml.safe_load(text) is not None


def _python(text: str) -> None:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        for name in names:
            assert importlib.util.find_spec(name.partition(".")[0]) is not None, f"there is no module {name}"
    compile(tree, "a block", "exec")


def _bash(text: str) -> None:
    read = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, timeout=20, check=False)
    assert read.returncode == 0, read.stderr
    for words in _commands(text):
        match words:
            case ["make", target, *_]:
                assert target in _MAKE, f"make {target}: there is no such target"
            case ["millrace" | ".venv/bin/millrace", *rest]:
                _of_millrace(millrace, rest)
            case ["curl", *rest]:
                _of_curl(rest)


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command; a quoted text may go over several lines."""
    bare = re.sub(r"(?:^|(?<=\s))#.*$", "", text.replace("\\\n", " "), flags=re.MULTILINE)
    for line in re.sub(r"'[^']*'", lambda quoted: quoted[0].replace("\n", " "), bare).splitlines():
        yield shlex.split(line)


def _of_millrace(command: click.Command, words: list[str]) -> None:
    context = click.Context(command, info_name=command.name)
    if isinstance(command, click.Group):
        name, *rest = words
        there = command.get_command(context, name)
        assert there is not None, f"millrace has no command {name}"
        _of_millrace(there, rest)
    else:
        known = {option for each in command.get_params(context) for option in each.opts}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known, f"millrace {command.name} has no {used - known}"


def _of_curl(words: list[str]) -> None:
    for word in words:
        if word.strip("'\"").startswith("http://localhost:8080/"):
            path = word.strip("'\"").removeprefix("http://localhost:8080").partition("?")[0]
            assert any(_fits(path, known) for known in _PATHS), f"the server has no {path}"


def _fits(path: str, known: str) -> bool:
    pattern = "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", known))
    return re.fullmatch(pattern, path) is not None


LOOKED_AT: Final[dict[str, Callable[[str], None]]] = {"json": _json, "yaml": _yaml, "python": _python, "bash": _bash}


def _runs(block: Block) -> list[str]:
    """Tests that run it, or compare it with what it is made of."""
    made = ["tests/architecture/test_docs.py"] if block.is_generated else []
    return [*made, *(run.test for run in RUN if run.runs(block))]


@pytest.mark.parametrize("block", all_blocks(), ids=lambda block: block.place)
def test_a_block_is_run_or_looked_at_or_says_why_not(block: Block) -> None:
    if not _runs(block) and not block.why_not:
        assert block.language in LOOKED_AT, f"{block.place}: a block in {block.language or 'no language'} that nothing runs"
        LOOKED_AT[block.language](block.text)


@pytest.mark.parametrize("run", RUN, ids=lambda run: f"{run.page}-{run.language}")
def test_what_is_said_to_run_a_block_is_there_and_names_its_page(run: Run) -> None:
    source = (ROOT / run.test).read_text()
    name = str(Path(run.page).parent) if "*" in run.page else run.page
    assert name in source or f'"{name}"' in source, f"{run.test} does not name {name}"
    assert re.search(r"^(?:async )?def test_", source, re.MULTILINE)
    assert any(run.runs(block) for block in all_blocks()), f"{run.page} has no such block"


def test_the_pages_are_all_there_are() -> None:
    assert len(PAGES) > 60
    assert {"README.md", "docs/README.md"} <= {str(page.relative_to(ROOT)) for page in PAGES}


def _page(folder: Path, text: str) -> Block:
    path = folder / "page.md"
    path.write_text(text)
    (block,) = blocks_of(path)
    return block


def test_a_mark_counts_right_above_its_block_and_with_a_reason(tmp_path: Path) -> None:
    assert _page(tmp_path, "<!-- not run: it is slow -->\n```js\nx()\n```\n").why_not == "it is slow"
    assert _page(tmp_path, "<!-- not run: it is\nslow -->\n\n```js\nx()\n```\n").why_not == "it is slow"
    assert _page(tmp_path, "<!-- not run:  -->\n```js\nx()\n```\n").why_not == ""
    assert _page(tmp_path, "<!-- not run: it is slow -->\nText.\n\n```js\nx()\n```\n").why_not == ""
    for language in ("js", "html", "sql", ""):
        with pytest.raises(AssertionError, match="that nothing runs"):
            test_a_block_is_run_or_looked_at_or_says_why_not(_page(tmp_path, f"```{language}\nx\n```\n"))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("json", '{"a": 1,}'),
        ("json", '{"a": …}'),
        ("yaml", "a: [1"),
        ("python", "import no_such_module_at_all"),
        ("python", "from no.such import thing"),
        ("python", "def x(:"),
        ("bash", "if true; then echo x"),
        ("bash", "make bread"),
        ("bash", "millrace bake"),
        ("bash", "millrace key create shop --loud"),
        ("bash", "curl http://localhost:8080/nowhere"),
        ("bash", "curl 'http://localhost:8080/dashboard/nowhere/demo?x=1'"),
    ],
)
def test_a_block_with_a_mistake_is_found(language: str, text: str) -> None:
    with pytest.raises((AssertionError, ValueError, SyntaxError, yaml.YAMLError)):
        LOOKED_AT[language](text)


def test_a_block_without_a_mistake_is_not() -> None:
    LOOKED_AT["bash"](
        "millrace key create shop --name x   # it's a remark\nmake test\ncurl 'http://localhost:8080/events/x?a=b'"
    )
    LOOKED_AT["bash"]("curl http://localhost:8080/track -d '{\n  \"a\": 1}'")
    LOOKED_AT["python"]("import json\nfrom os import path")
