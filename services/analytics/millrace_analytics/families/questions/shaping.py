"""Answers of the metric layer as JSON."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any, Final

from millrace_analytics.asking.questions import Answered
from millrace_core.time import parse_time
from millrace_warehouse.metrics.answers import Table
from millrace_warehouse.metrics.catalogue import DIMENSIONS, EVENT_TYPES, METRICS, SEGMENTS

_GUESTS: Final = frozenset(
    {
        "success", "kind", "columns", "rows", "errors", "times", "series", "truncated", "range", "time_zone", "sampled",
        "sample", "freshness", "previous", "previous_range", "extra", "stale", "execution_time_ms",
    }
)  # fmt: skip
"""What is drawn, and how true it is. Neither what was asked, nor of which table."""
_GUESTS_EXTRA: Final = frozenset({"times", "direction"})
"""Neither the person of a journey nor the people of a funnel."""


def body_of(found: Answered, now: int, seconds: float) -> dict[str, Any]:
    """The body of an answer.

    Args:
        now: milliseconds since the epoch.
        seconds: that it took.
    """
    answer = found.answer
    newest = parse_time(answer.last_event_at) if answer.last_event_at else None
    return {
        "success": True,
        "kind": answer.kind,
        "columns": [dataclasses.asdict(column) for column in answer.columns],
        **_table(answer.table),
        "range": answer.range,
        "time_zone": answer.time_zone,
        "source": answer.source,
        "sampled": answer.sample is not None,
        "sample": answer.sample,
        "freshness": {
            "last_event_at": answer.last_event_at,
            "seconds_since_last_event": None if newest is None else max(0.0, (now - newest) / 1000),
        },
        "previous": None if answer.previous is None else _table(answer.previous),
        "previous_range": answer.previous_range,
        "extra": answer.extra,
        "statements": [{"sql": one["sql"], "values": _json(one["values"])} for one in answer.statements],
        "stale": found.outcome == "stale",
        "execution_time_ms": round(seconds * 1000, 2),
    }


def for_guests(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body is told those who came by a link. What is not known here is not told."""
    told = {name: value for name, value in body.items() if name in _GUESTS}
    return {**told, "extra": {name: value for name, value in body["extra"].items() if name in _GUESTS_EXTRA}}


def _table(table: Table) -> dict[str, Any]:
    series = [dataclasses.asdict(one) for one in table.series]
    return {
        "rows": table.rows,
        "errors": table.errors,
        "times": table.times,
        "series": series,
        "truncated": table.truncated,
    }


def _json(values: Any) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime.date) else value for name, value in values.items()}


def catalogue() -> dict[str, Any]:
    """The catalogue."""
    return {
        "metrics": [
            {
                "name": one.name, "label": one.label, "unit": one.unit, "formula": one.formula, "synonyms": one.synonyms,
                "family": one.family,
            }
            for one in METRICS.values()
        ],
        "dimensions": [
            {
                "name": one.name, "label": one.label, "type": one.kind, "description": one.description,
                "synonyms": one.synonyms,
            }
            for one in DIMENSIONS.values()
        ],
        "event_types": [
            {
                "name": one.name, "label": one.label, "description": one.description, "synonyms": one.synonyms,
                "properties": dict(one.properties),
            }
            for one in EVENT_TYPES.values()
        ],
        "segments": [
            {
                "name": one.name, "label": one.label, "synonyms": one.synonyms,
                "where": one.where.model_dump(by_alias=True, exclude_defaults=True),
            }
            for one in SEGMENTS.values()
        ],
    }  # fmt: skip
