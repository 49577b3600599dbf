"""The browser packages under test, as their users bundle them, and the page that they stand on."""

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Final

import pytest

from tests.sdks import umami
from tests.sdks.packages import how_to_install

FOLDER: Final = Path(__file__).parent / "browser"
_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class BrowserPackage:
    """One package, and the script of a page that uses it: ``begin(api, key)``, ``identify()`` and ``order(number)``."""

    name: str
    script: str
    protocol: str
    """As the column says it."""
    has_queue: bool = True
    """Whether it keeps what it could not send, and sends it again."""
    waits: bool = False
    """Whether it waits as long as ``Retry-After`` says."""
    compresses: bool = False
    identifies: bool = True
    has_sessions: bool = True
    click: str = ""
    """Type of the event that a click on the page's button is."""

    kind: ClassVar[str] = "browsers"

    @property
    def title(self) -> str:
        """As the table has it."""
        return self.name

    def shortens(self, address: str) -> str:
        """The part of a page's address that is not sent: Umami's script leaves scheme and port out."""
        return address.partition("/pricing")[0] if self.name == "umami" else ""

    def version(self) -> str:
        """That is installed."""
        if self.name == "umami":
            return umami.VERSION
        return str(json.loads((FOLDER / "node_modules" / self.name / "package.json").read_text())["version"])

    def skip_where_missing(self) -> None:
        """Skip the test where it cannot run."""
        there = umami.SCRIPT if self.name == "umami" else FOLDER / "node_modules" / self.name
        if not there.exists() or not (FOLDER / "node_modules/esbuild").exists():
            pytest.skip(f"{self.name} is not installed: {how_to_install()}")

    def head(self, api: str, key: str) -> str:
        """What stands in the page's head."""
        tag = f"<script src='{api}/script.js' data-website-id='{key}'></script>" if self.name == "umami" else ""
        return f"<title>Pricing</title>{tag}<script src='/page.js'></script>"


@cache
def bundled(source: str) -> str:
    """A script of a page, with the packages that it imports, for a script tag; its exports are ``sdk``."""
    esbuild = FOLDER / "node_modules/esbuild/bin/esbuild"
    command = ["node", str(esbuild), "--bundle", "--format=iife", "--global-name=sdk", "--target=es2020", "--log-level=error"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False, timeout=_SECONDS, cwd=FOLDER)
    assert done.returncode == 0, done.stderr
    return done.stdout


BROWSER_PACKAGES: Final = (
    BrowserPackage("posthog-js", "posthog.js", "posthog", compresses=True, click="$autocapture"),
    BrowserPackage("@segment/analytics-next", "segment.js", "segment", waits=True, has_sessions=False),
    BrowserPackage("@rudderstack/analytics-js", "rudder.js", "segment"),
    BrowserPackage("umami", "umami.js", "umami", has_queue=False, click="Bought"),
    BrowserPackage(
        "@plausible-analytics/tracker",
        "plausible.js",
        "plausible",
        has_queue=False,
        identifies=False,
        has_sessions=False,
        click="Bought",
    ),
    BrowserPackage(
        "plausible-tracker", "plausible-tracker.js", "plausible", has_queue=False, identifies=False, has_sessions=False
    ),
)
