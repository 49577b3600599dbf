"""The packages under test, as their users install them, and how to run them."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
PYTHON = _ROOT / ".venv-sdks/bin/python"
MODULES = _HERE / "node/node_modules"
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Package:
    """One package and the script that sends with it."""

    name: str
    script: str
    protocol: str
    """As the column says it."""
    waits: bool
    """Whether it waits as long as ``Retry-After`` says."""
    longest_wait: float = 300.0
    """Seconds that it waits at most when it is told to."""
    mode: str = "v0"
    compresses: bool = True
    splits: bool = False
    """Whether it halves a batch that was too large."""

    kind: ClassVar[str] = "servers"

    @property
    def title(self) -> str:
        """Name, with the way in where it has two."""
        return f"{self.name} (v1)" if self.mode == "v1" else self.name

    @property
    def is_node(self) -> bool:
        """Whether Node runs it."""
        return self.script.endswith(".mjs")

    def version(self) -> str:
        """That is installed."""
        if self.is_node:
            return str(json.loads((MODULES / self.name / "package.json").read_text())["version"])
        command = [str(PYTHON), "-c", f"import importlib.metadata as m; print(m.version({self.name!r}))"]
        return str(subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS).stdout.strip())

    def skip_where_missing(self) -> None:
        """Skip the test where it cannot run."""
        if not (MODULES / self.name if self.is_node else PYTHON).exists():
            pytest.skip(f"{self.name} is not installed: {how_to_install()}")

    def send(self, url: str, key: str, count: int = 5, *, gzip: bool = False) -> list[str]:
        """Send the calls of the script and ``count`` events; what the package calls errors."""
        given = json.dumps({"url": url, "key": key, "count": count, "gzip": gzip, "mode": self.mode})
        folder = _HERE / ("node" if self.is_node else "python")
        command = ["node" if self.is_node else str(PYTHON), str(folder / self.script), given]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS, cwd=folder)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return list(told["errors"])


def how_to_install() -> str:
    """What to do for a package of npm that is not there."""
    return "make sdks" if shutil.which("npm") else "install node and npm, then make sdks"


PACKAGES = (
    Package("segment-analytics-python", "segment_analytics.py", "segment", waits=True),
    Package("rudder-sdk-python", "rudder_analytics.py", "segment", waits=False),
    Package("posthog", "posthog_analytics.py", "posthog", waits=True, longest_wait=30.0),
    Package("posthog", "posthog_analytics.py", "posthog_v1", waits=True, longest_wait=30.0, mode="v1"),
    Package("@segment/analytics-node", "segment.mjs", "segment", waits=True, compresses=False),
    Package("@rudderstack/rudder-sdk-node", "rudder.mjs", "segment", waits=False),
    Package("posthog-node", "posthog.mjs", "posthog", waits=False, splits=True),
)
OTHER_CALLS = 4
"""Events that each script sends beside those that are counted."""
