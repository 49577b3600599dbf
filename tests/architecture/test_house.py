"""What keeps the house clean: files that anyone can clone, build and read."""

import re
import subprocess
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_MOST_BYTES = 1_000_000


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=_ROOT, capture_output=True, check=True)
    return [path for name in done.stdout.decode().split("\0") if name and (path := _ROOT / name).exists()]


def test_no_file_is_larger_than_a_megabyte() -> None:
    assert [path for path in _tracked() if path.stat().st_size > _MOST_BYTES] == []


def test_no_text_names_a_package_registry_or_a_folder_of_one_machine() -> None:
    # In pieces, because this file is looked at too.
    registries = ("python" + "hosted.org", "py" + "pi.org", "registry.npm" + "js", "proxy.go" + "lang")
    unwanted = re.compile("|".join(map(re.escape, registries)) + r"|/(?:home|root|work|Users)/[\w.]")
    found = {
        str(path.relative_to(_ROOT)): match[0]
        for path in _tracked()
        if (match := unwanted.search(path.read_text(errors="replace")))
    }
    assert found == {}


def test_locks_have_hashes_for_every_distribution_and_no_index() -> None:
    for name, least in {"requirements.lock": 30, "requirements-dev.lock": 30, "requirements-docs.lock": 9}.items():
        text = (_ROOT / name).read_text()
        pinned = re.findall(r"^[A-Za-z0-9][\w.\[\],-]*==", text, re.MULTILINE)
        assert len(pinned) > least
        assert "://" not in text
        assert [line for line in text.splitlines() if line.startswith("-")] == []  # options: an index, a folder of wheels
        blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
        assert [block.split()[0] for block in blocks if "==" in block.split("\n")[0] and "--hash=sha256:" not in block] == []


def test_every_package_is_shipped_and_watched() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    shipped = {Path(path).name for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    there = {path.parent.name for room in ("libs", "services") for path in (_ROOT / room).glob("*/*/__init__.py")}
    alone = {path.name for path in (_ROOT / "libs/client").iterdir() if (path / "__init__.py").exists()}
    assert alone == {"millrace_client"}  # a distribution of its own
    watched = set(project["tool"]["importlinter"]["root_packages"])
    assert there == shipped | alone == watched == set(project["tool"]["mypy"]["packages"])
