"""Questions put to the offline matcher at one moment, of a tenant whose vocabulary the test decides."""

import asyncio
import datetime
from typing import Final

from millrace_analytics.ai.offline.matcher import OfflineMatcher
from millrace_analytics.ai.plans import Plan
from millrace_analytics.ai.ports import Asked, Planned, Reading, Vocabulary

NOW: Final = int(datetime.datetime(2026, 3, 18, 12, tzinfo=datetime.UTC).timestamp() * 1000)
"""A Wednesday, at noon."""
_MATCHER: Final = OfflineMatcher()


def read_by_matcher(text: str, known: Vocabulary) -> Reading:
    """What it makes of a question."""
    return asyncio.run(_MATCHER.about(Asked("tenant_a", text, NOW, vocabulary=known)).read())


def plan_of(text: str, known: Vocabulary) -> Plan:
    """The plan of a question that it has to read."""
    reading = read_by_matcher(text, known)
    assert isinstance(reading, Planned), reading
    return reading.plan
