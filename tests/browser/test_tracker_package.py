"""What is handed out: its size, its npm package, its types, and a lock that names no registry."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import BUILT, skip_without_tracker

_SDK = Path(__file__).parents[2] / "sdk-js"
_MOST_BYTES = 3_000


def _npm(*arguments: str, folder: Path = _SDK) -> str:
    if shutil.which("npm") is None or not (_SDK / "node_modules").exists():
        pytest.skip("Node with npm is not installed, or the tracker is not built: make tracker")
    done = subprocess.run(["npm", *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["tracker.js", "tracker.mjs"])
def test_a_file_weighs_less_than_3_kb(name: str) -> None:
    skip_without_tracker()
    text = (BUILT / name).read_bytes()
    assert gzip.decompress((BUILT / f"{name}.gz").read_bytes()) == text
    assert len(gzip.compress(text, 9, mtime=0)) <= _MOST_BYTES
    assert (BUILT / f"{name}.br").stat().st_size <= _MOST_BYTES


def test_the_sources_are_typed(tmp_path: Path) -> None:
    _npm("exec", "--", "tsc", "--project", "tsconfig.json", "--noEmit", "--emitDeclarationOnly", "false")


def test_the_package_has_what_its_exports_name_and_no_dependency(tmp_path: Path) -> None:
    (packed,) = json.loads(_npm("pack", "--json", "--pack-destination", str(tmp_path)).partition("[")[2].join(["[", ""]))
    names = {file["path"] for file in packed["files"]}
    package = json.loads((_SDK / "package.json").read_text())
    assert {path.removeprefix("./") for path in _paths(package["exports"])} <= names
    assert {package[key].removeprefix("./") for key in ("main", "module", "types", "unpkg")} <= names
    assert {"README.md", "LICENSE"} <= names
    assert not [name for name in names if name.startswith(("src", "node_modules"))]
    assert "dependencies" not in package

    (tmp_path / "package.json").write_text('{"type": "module"}')
    _npm("install", "--offline", "--no-audit", str(tmp_path / packed["filename"]), folder=tmp_path)
    (tmp_path / "use.ts").write_text(
        'import AnalyticsTracker, { type TrackerOptions } from "@millrace/tracker";\n'
        'const options: TrackerOptions = { customerId: "demo_tenant", batchSize: 10 };\n'
        "const analytics = new AnalyticsTracker(options);\n"
        'analytics.track("button_click", "CTA Click", { button_id: "signup_cta" });\n'
        "const done: Promise<void> = analytics.flush();\n"
        "// @ts-expect-error a name is text\n"
        'analytics.track("button_click", 7);\n'
        "export { done };\n"
    )
    compiler = [str(_SDK / "node_modules/.bin/tsc"), "--noEmit", "--strict", "--module", "nodenext", "--target", "es2020"]
    done = subprocess.run([*compiler, "use.ts"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def test_on_a_server_it_does_nothing_and_does_not_throw() -> None:
    skip_without_tracker()
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    script = f"""import Tracker from "{BUILT / "tracker.mjs"}";
        const analytics = new Tracker({{ customerId: "demo" }});
        analytics.page(); analytics.track("x"); analytics.identify("u"); analytics.optOut(); analytics.optIn();
        analytics.consent(true); analytics.reset(); await analytics.flush(); console.log("done");"""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "done\n", done.stderr


def test_the_lock_names_no_registry() -> None:
    lock: dict[str, Any] = json.loads((_SDK / "package-lock.json").read_text())
    assert "://" not in (_SDK / "package-lock.json").read_text()
    packages = [one for path, one in lock["packages"].items() if path]
    assert len(packages) > 10
    assert [one for one in packages if "resolved" in one or "integrity" not in one] == []
    assert "://" not in (_SDK / "node.lock").read_text()


def _paths(exports: Any) -> list[str]:
    return [exports] if isinstance(exports, str) else [path for one in exports.values() for path in _paths(one)]
