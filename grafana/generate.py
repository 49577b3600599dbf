"""Writes grafana/dashboards from grafana/boards: ``python -m grafana.generate``, a part of ``make docs``."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.boards import BOARDS
from grafana.panels import Board, build

FOLDER = Path(__file__).parent / "dashboards"


def text_of(board: Board) -> str:
    """The file of a dashboard."""
    return json.dumps(build(board), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write every file, and remove what is no dashboard any more."""
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(text_of(board))
    sys.stderr.write(f"{len(BOARDS)} dashboards in {FOLDER}\n")


if __name__ == "__main__":
    main()
