"""The snippets of docs/guides/sdks, as they stand there: each is run with what its page says it is for."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from tests.sdks.browsers import FOLDER, bundled
from tests.sdks.packages import MODULES, PYTHON, how_to_install
from tests.sdks.stored import rows
from tests.sdks.umami import SCRIPT
from tests.sdks.visit import AGENT, browser
from tests.support.browser import Site, serving
from tests.support.server import Server

__all__ = ["browser"]

_PAGES: Final = Path(__file__).parents[2] / "docs/guides/sdks"
_SECONDS: Final = 120.0
_ORDER: Final = "Order Completed"
_STORED: Final = {
    ("posthog", "In the browser"): [[_ORDER, "identify", "page_view"]],
    ("posthog", "Node"): [[_ORDER, "identify"]],
    ("posthog", "Python"): [["$set", _ORDER]],
    ("segment", "In the browser"): [[_ORDER, "identify", "page_view"]],
    ("segment", "Node"): [[_ORDER, "identify"]],
    ("segment", "Python"): [[_ORDER, "identify"]],
    ("rudderstack", "In the browser"): [[_ORDER, "identify", "page_view"]],
    ("rudderstack", "Node"): [[_ORDER, "identify"]],
    ("rudderstack", "Python"): [[_ORDER, "identify"]],
    ("plausible", "In the browser"): [[_ORDER, "page_view"], [_ORDER, "page_view"]],
    ("umami", "In the browser"): [[_ORDER, "identify", "page_view"]],
    ("umami", "Node"): [[_ORDER, "page_view"]],
    ("cloudevents", "With curl"): [["order.paid"], ["order.paid"]],
    ("ga4", "With curl"): [["purchase"]],
    ("mixpanel", "Python"): [["$set", _ORDER]],
    ("amplitude", "Python"): [[_ORDER]],
}
"""The types of the events that each snippet of a section sends."""


@dataclass(frozen=True)
class Snippet:
    """A block of code, and where it stands."""

    page: str
    section: str
    number: int
    language: str
    text: str

    @property
    def tenant(self) -> str:
        """Its own."""
        return f"guide-{self.page}-{self.section.rpartition(' ')[2].lower()}-{self.number}"

    def here(self, url: str) -> str:
        """For this server and tenant."""
        text = self.text.replace("http://localhost:8080", url)
        assert text != self.text, "the snippet names no server"
        named = re.sub(r"\bdemo\b", self.tenant, text)
        assert named != text, "the snippet names no key"
        return named


def _snippets() -> Iterator[Snippet]:
    for page in sorted(_PAGES.glob("*.md")):
        for section in re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            title, _, body = section.partition("\n")
            for number, (language, text) in enumerate(re.findall(r"```(\w+)\n(.*?)```", body, re.DOTALL)):
                yield Snippet(page.stem, title, number, language, text)


_ALL: Final = list(_snippets())


@pytest.mark.sdks
@pytest.mark.parametrize("snippet", _ALL, ids=lambda one: f"{one.page}-{one.section}-{one.number}")
def test_a_snippet_sends_what_it_says(snippet: Snippet, server: Server, request: pytest.FixtureRequest) -> None:
    expected = _STORED[snippet.page, snippet.section][snippet.number]
    if snippet.section == "In the browser":
        found = _on_a_page(snippet, server, request, expected)
    else:
        _run(snippet, server)
        found = _types(server, snippet.tenant)
    assert [one for one in found if one != "engagement"] == expected  # what Plausible's tracker measures as a page ends


def test_every_snippet_is_expected_to_send_something() -> None:
    counts = {where: len(sent) for where, sent in _STORED.items()}
    assert counts == {where: len([one for one in _ALL if (one.page, one.section) == where]) for where in counts}
    assert {(one.page, one.section) for one in _ALL} == set(counts)


def _types(server: Server, tenant: str) -> list[str]:
    return sorted(str(row["event_type"]) for row in rows(server, tenant, "event_type, properties"))


def _run(snippet: Snippet, server: Server) -> None:
    source = snippet.here(server.url)
    match snippet.language:
        case "python":
            _needs(PYTHON)
            command, folder = [str(PYTHON), "-c", source], FOLDER
        case "js":
            _needs(MODULES / "posthog-node")
            command, folder = ["node", "--input-type=module", "-e", source], MODULES.parent
        case _:
            command, folder = ["bash", "-ec", source], FOLDER
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS, cwd=folder)
    assert done.returncode == 0, done.stderr


def _on_a_page(snippet: Snippet, server: Server, request: pytest.FixtureRequest, expected: list[str]) -> list[str]:
    _needs(SCRIPT)
    chromium: Browser = request.getfixturevalue("browser")
    source = snippet.here(server.url)
    is_script = snippet.language == "js"
    head = "<script src='/page.js'></script>" if is_script else source
    site = Site(server.url, snippet.tenant, script=head, files={"/page.js": bundled(source)} if is_script else {})
    with serving(site):
        context = chromium.new_context(user_agent=AGENT)
        page = context.new_page()
        page.goto(f"{site.url}/pricing")
        for _ in range(round(_SECONDS * 10)):
            if set(expected) <= set(_types(server, snippet.tenant)):
                break
            page.wait_for_timeout(100)
        context.close()
    return [one for one in _types(server, snippet.tenant) if one != "page_leave"]


def _needs(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"its packages are not installed: {how_to_install()}")
