"""The Python client is a distribution of its own: what it ships, and that it needs nothing but httpx."""

import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import httpx

_CLIENT = Path(__file__).parents[2] / "libs/client"


def test_the_wheel_has_the_package_its_types_and_one_dependency(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=_CLIENT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("millrace_client-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        (metadata,) = [name for name in names if name.endswith("METADATA")]
        said = message_from_string(opened.read(metadata).decode())
    shipped = {name for name in names if ".dist-info/" not in name}
    assert shipped == {f"millrace_client/{path.name}" for path in (_CLIENT / "millrace_client").iterdir() if path.is_file()}
    assert "millrace_client/py.typed" in shipped
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert said.get_all("Requires-Dist") == ["httpx>=0.27"]


def test_it_is_imported_without_the_platform_and_without_the_engine() -> None:
    code = "import sys, millrace_client; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    ours = {name for name in done.stdout.decode().split() if name.startswith(("millrace_", "msgspec", "pydantic", "chdb"))}
    assert ours == {"millrace_client"}
    assert httpx.__name__ in done.stdout.decode()
