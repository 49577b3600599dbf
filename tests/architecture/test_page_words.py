"""The page has words of its own for names of the server; each of these names is one that the server has."""

import re
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_VIEWS: Final = _ROOT / "page/src/views"
_ERRORS: Final = (_ROOT / "docs/reference/errors.md").read_text()


def test_what_the_page_says_of_a_refusal_is_of_a_code_of_the_reference() -> None:
    text = (_VIEWS / "reasons.ts").read_text()
    codes = re.findall(r"^  (\w+): ", text[: text.index("const OUTCOMES")], re.MULTILINE)
    assert len(codes) > 25
    assert [code for code in codes if f"`{code}`" not in _ERRORS] == []


def test_the_page_explains_every_refusal_of_a_single_event() -> None:
    table = _ERRORS.partition("## Tracking: one event")[2].partition("In `warnings`")[0]
    codes = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert len(codes) > 15
    text = (_VIEWS / "reasons.ts").read_text()
    assert [code for code in codes if f"  {code}: " not in text] == []


def test_actions_that_the_trail_is_searched_by_are_those_that_are_written_down() -> None:
    text = (_VIEWS / "settings/trail.tsx").read_text()
    actions = re.findall(r'^  "(\w+)",$', text, re.MULTILINE)
    assert len(actions) > 15
    sources = "\n".join(path.read_text() for room in ("libs", "services") for path in (_ROOT / room).rglob("*.py"))
    assert [action for action in actions if f'"{action}"' not in sources] == []
