"""Runs the SDKs of others, and holds what it found against the tables of docs/sdks.md.

python -m tests.sdks [--write] [arguments of pytest]

It fails where a test does, or where the page says something else than was found; with --write it says so from then on.
"""

import sys
from pathlib import Path

import pytest

from tests.sdks.table import PAGE, Outcomes


def main(arguments: list[str]) -> int:
    """Run; the exit code."""
    writes = "--write" in arguments
    given = [one for one in arguments if one != "--write"]
    found = Outcomes()
    # Two at a time: most of it is waiting, for retries and for servers to start.
    options = ["-m", "sdks", "-n", "2", "--dist", "loadfile", str(Path(__file__).parent), *given]
    code = int(pytest.main(options, plugins=[found]))
    page = PAGE.read_text(encoding="utf-8")
    if writes:
        PAGE.write_text(found.written_into(page), encoding="utf-8")
        return code
    differences = found.differences(page)
    for one in differences:
        sys.stderr.write(f"{one}\n")
    if differences:
        sys.stderr.write("`make sdks ARGS=--write` writes what was found.\n")
    return code or int(bool(differences))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
