"""Asks every question of the eval of each reader that there is, and prints right, wrong and abstained; wrong counts double.

python -m tests.eval              every set: see README.md
python -m tests.eval --json       as one JSON object
python -m tests.eval --write      writes docs/eval.md, too

Claude is asked where ANTHROPIC_API_KEY is set.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from millrace_analytics.ai.claude.open import open_claude
from millrace_analytics.ai.offline.matcher import OfflineMatcher
from millrace_analytics.ai.ports import LanguageModel
from millrace_analytics.ai.settings import AiSettings
from millrace_analytics.ai.spending import MemorySpending
from millrace_service.metrics import Metrics
from tests.eval.asked import Scored, score
from tests.eval.page import page_of
from tests.eval.world import open_world

_FOLDER: Final = Path(__file__).parent
_SETS: Final = ("questions", "samples", "paraphrases", "held_out", "held_out_2", "held_out_3", "varied")
_PAGE: Final = Path(__file__).parents[2] / "docs/eval.md"

Scores = dict[str, dict[str, list[Scored]]]
"""By reader and by set."""


@asynccontextmanager
async def readers() -> AsyncIterator[dict[str, LanguageModel]]:
    """The matcher, and Claude where there is a key."""
    found: dict[str, LanguageModel] = {"offline": OfflineMatcher()}
    if not os.environ.get("ANTHROPIC_API_KEY"):
        yield found
        return
    settings = AiSettings.load(ai_budget_usd=100.0)
    async with open_claude(settings, MemorySpending(), Metrics()) as claude:
        yield {**found, settings.ai_model: claude}


async def scores() -> Scores:
    """Of every reader and set."""
    found: Scores = {}
    with tempfile.TemporaryDirectory() as folder:
        async with open_world(Path(folder)) as world, readers() as known:
            for name, model in known.items():
                found[name] = {}
                for each in _SETS:
                    cases: list[dict[str, Any]] = json.loads((_FOLDER / f"{each}.json").read_text())
                    if cases:
                        found[name][each] = [await score(world, model, case) for case in cases]
    return found


def main(arguments: list[str]) -> int:
    """Print the scores; 0."""
    found = asyncio.run(scores())
    if "--json" in arguments:
        print(json.dumps({name: {each: _counts(of) for each, of in sets.items()} for name, sets in found.items()}))
        return 0
    page = page_of(found)
    print(page)
    if "--write" in arguments:
        _PAGE.write_text(page)
    return 0


def _counts(scored: list[Scored]) -> dict[str, int]:
    return {verdict: sum(one.verdict == verdict for one in scored) for verdict in ("right", "wrong", "abstained")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
