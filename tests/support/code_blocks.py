"""Fenced blocks of code in the project's Markdown, where they stand and what stands above them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "libs/client/README.md", ROOT / "sdk-js/README.md"]
)
_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_MARK: Final = re.compile(r"<!-- not run: (\S.*?) -->\n*$", re.DOTALL)
_GENERATED: Final = "<!-- Made by `make docs`"


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    page: str
    """From the root of the repository."""
    line: int
    language: str
    text: str
    why_not: str
    """What the comment above it says of why it is not run; empty without one."""
    is_generated: bool
    """The page is made of the code, and compared with it."""

    @property
    def place(self) -> str:
        """For people, and editors."""
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a page, in their order."""
    text = path.read_text(encoding="utf-8")
    found: list[Block] = []
    for fence in _FENCE.finditer(text):
        mark = _MARK.search(text[: fence.start()])
        indent = len(fence["indent"])
        code = "".join(line[indent:] for line in fence["text"].splitlines(keepends=True))
        found.append(
            Block(
                page=str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name,
                line=text.count("\n", 0, fence.start()) + 1,
                language=fence["language"],
                text=code,
                why_not=" ".join(mark[1].split()) if mark else "",
                is_generated=text.startswith(_GENERATED),
            )
        )
    return found


def blocks(page: str, language: str) -> list[str]:
    """The texts of a page's blocks in a language, without those that say why they are not run."""
    return [one.text for one in blocks_of(ROOT / page) if one.language == language and not one.why_not]


def all_blocks() -> list[Block]:
    """Those of every page."""
    return [block for page in PAGES for block in blocks_of(page)]
