"""What the documentation says is so."""

import re
from pathlib import Path

import pytest
from docs.generate import PAGES, differences

from millrace_warehouse.migrations import all_migrations

_ROOT = Path(__file__).parents[2]
_REPOSITORY = "https://github.com/millrace/millrace/blob/main/"
_PAGES = [*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md")]


def test_the_reference_says_what_the_code_does() -> None:
    assert not differences(), "run `make docs`"


def test_every_generated_page_has_something_to_say() -> None:
    for make in PAGES.values():
        assert len(make().splitlines()) > 20


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", page.read_text()):
        if link.startswith(_REPOSITORY):
            assert (_ROOT / link.removeprefix(_REPOSITORY).partition("#")[0]).exists(), link
        elif "://" not in link:
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_pages_that_the_code_points_at_are_there() -> None:
    texts = [
        path for room in ("libs", "services", "tests") for kind in ("py", "sql") for path in (_ROOT / room).rglob(f"*.{kind}")
    ]
    named = {name for path in texts for name in re.findall(r"docs/(?:adr|reference)/[\w.-]+\.md", path.read_text())}
    assert named
    assert [name for name in sorted(named) if not (_ROOT / name).exists()] == []


def test_every_column_of_an_event_is_explained() -> None:
    created = next(one for step in all_migrations() for one in step.statements if " events_raw (" in one)
    columns = re.findall(r"^  ([a-z_]+) (\w+(?:\([^)]*\))?)", created, re.MULTILINE)
    explained = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", (_ROOT / "docs/reference/events.md").read_text(), re.MULTILINE)
    assert len(columns) > 30
    assert sorted(explained) == sorted(columns)
