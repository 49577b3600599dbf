"""The snippets of the guide and of the README, as they stand there, on a page in Chromium."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.support.browser import Site, arrived, opened
from tests.support.server import Server

pytestmark = pytest.mark.minutes

_ROOT = Path(__file__).parents[2]


def _snippets(page: str) -> list[str]:
    return re.findall(r"```html\n(.*?)```", (_ROOT / page).read_text(), re.DOTALL)


_TAG, _SCRIPT, _MODULE, _DECLARED = _snippets("docs/guides/tracker.md")
(_README,) = _snippets("README.md")
_FIRST, _MORE = _snippets("docs/start/tracker.md")


def _here(snippet: str, site: Site) -> str:
    assert "demo_tenant" in snippet
    return snippet.replace("http://localhost:8080", site.api).replace("demo_tenant", site.tenant)


@pytest.mark.parametrize(
    ("snippet", "types"),
    [
        (_README, ["page_view"]),
        (_TAG, ["page_view"]),
        (_FIRST, ["page_view"]),
        (_MORE, ["identify", "page_view", "purchase"]),
        (_MODULE, ["page_view"]),
        (_SCRIPT, ["button_click", "form_submit", "identify", "page_view"]),
    ],
    ids=["readme", "tag", "first", "more", "module", "script"],
)
def test_a_snippet_sends_what_the_guide_says(
    server: Server, site: Site, context: BrowserContext, snippet: str, types: list[str]
) -> None:
    site.script = _here(snippet, site)
    page = opened(context, site)
    page.goto("about:blank")
    assert sorted(row["event_type"] for row in arrived(server, site.tenant, len(types), page)) == types


def test_declared_elements_are_as_the_guide_says(server: Server, site: Site, context: BrowserContext) -> None:
    site.options = {"autoTrackPageViews": False}
    site.body = _DECLARED
    page = opened(context, site)
    page.click("button")
    page.evaluate("document.forms[0].requestSubmit()")
    rows = arrived(server, site.tenant, 2, page)
    assert (rows[0]["event_name"], rows[0]["properties"]) == ("CTA Click", {"button_id": "cta", "price": 12.5})
    assert (rows[1]["event_type"], rows[1]["properties"]) == ("form_submit", {"form": "newsletter"})


def test_the_guide_names_every_option_and_method() -> None:
    source = (_ROOT / "sdk-js/src/tracker.ts").read_text()
    guide = (_ROOT / "docs/guides/tracker.md").read_text()
    options = re.findall(r"^  (\w+)\?: ", source, re.MULTILINE)
    methods = re.findall(r"^  readonly (\w+): ", source, re.MULTILINE)
    assert len(options) == 9
    assert len(methods) == 9
    assert [name for name in options if f"| `{name}` |" not in guide] == []
    assert [name for name in methods if f"`{name}(" not in guide] == []
