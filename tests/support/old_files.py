"""Which files of a stopped server's engine are of parts that were replaced: the engine removes them some minutes later.

python -m tests.support.old_files ENGINE_DIR
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.support.checker import connect

_ACTIVE = "SELECT path FROM system.parts WHERE database = 'analytics' AND active"
_part = re.compile(r"\w+_\d+_\d+_\d+(_\d+)?\Z")


def without_old_parts(data_dir: Path, files: Iterable[Path]) -> list[Path]:
    """Those of these files, all in a server's folder, that are not of a replaced part."""
    command = [sys.executable, "-m", "tests.support.old_files", str(data_dir / "warehouse" / "engine")]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    active = {Path(folder).resolve() for folder in json.loads(done.stdout)}

    def is_old(file: Path) -> bool:
        return any(_part.match(folder.name) and folder not in active for folder in file.resolve().parents)

    return [file for file in files if not is_old(file)]


def main(engine: str) -> None:
    """Print the folders of the parts that are read, as JSON."""
    rows = connect(engine).query(_ACTIVE, "JSONCompactEachRow").bytes().decode().splitlines()
    sys.stdout.write(json.dumps([json.loads(row)[0] for row in rows]))


if __name__ == "__main__":
    main(sys.argv[1])
