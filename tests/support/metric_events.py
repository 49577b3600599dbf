"""Events for the metric layer: hypothesis makes them, and each example is a tenant of its own in one engine."""

import datetime
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from millrace_core.time import now_ms, warehouse_time
from millrace_warehouse.clickhouse.reads import ClickHouseReads
from millrace_warehouse.metrics.answers import Answer
from millrace_warehouse.metrics.asking import Moment, answer
from millrace_warehouse.metrics.filters import Filter
from millrace_warehouse.metrics.questions import Question
from tests.support.metric_reference import Event
from tests.support.warehouse import OpenWarehouse, event_line
from tests.support.worlds import open_reads

EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""Few, as a file is to take seconds; each is new in every run."""

BEGIN = int(datetime.datetime(2026, 3, 27, tzinfo=datetime.UTC).timestamp() * 1000)
"""Two days before clocks are set forward in Europe."""
HOUR = 3_600_000
DAY = 24 * HOUR

SAMPLES = st.sampled_from([1, 1, 2, 3])
"""Of so many people one is looked at."""

_numbers = itertools.count()

TEXTS = ("pro", "Free", "it's \\ {x}\n%", "")
VALUES: tuple[Any, ...] = (*TEXTS, 5, 5.5, -3.0, True, False, None, "12", "nan", "1e2")

TIMES = st.one_of(
    st.integers(0, 5).map(lambda step: BEGIN + step * 20 * 60_000),
    st.integers(0, 5 * 24 * 60).map(lambda minute: BEGIN + minute * 60_000 + minute % 1000),
)
"""Some of them equal, all within five days."""


def events(most: int = 25, times: st.SearchStrategy[int] = TIMES) -> st.SearchStrategy[list[Event]]:
    """Events of few people, who are linked now and then."""
    one = st.builds(
        Event,
        at=times,
        event_type=st.sampled_from(["page_view", "page_view", "signup", "purchase", "identify", "alias"]),
        visitor_id=st.sampled_from(["", "v1", "v2", "v3", "u1", "u2"]),
        user_id=st.sampled_from(["", "", "u1", "u2", "u3"]),
        session_id=st.sampled_from(["", "s1", "s2"]),
        country=st.sampled_from(["", "DE", "AT"]),
        page_path=st.sampled_from(["", "/", "/a"]),
        is_bot=st.sampled_from([False, False, False, True]),
        properties=st.dictionaries(
            st.sampled_from(["plan", "amount", "value", "country", "quantity"]), st.sampled_from(VALUES)
        ),
    )
    return st.lists(one, max_size=most).map(
        lambda found: [Event(**{**vars(each), "number": number}) for number, each in enumerate(found)]
    )


async def store(warehouse: OpenWarehouse, stored: Sequence[Event]) -> str:
    """Store the events as those of a new tenant; its name."""
    tenant = f"t{next(_numbers)}"
    rows = [
        event_line(
            one.number,
            customer_id=tenant,
            event_id=str(uuid.UUID(int=one.number + 1)),
            event_type=one.event_type,
            timestamp=warehouse_time(one.at),
            received_at=warehouse_time(now_ms()),
            visitor_id=one.visitor_id,
            user_id=one.user_id,
            session_id=one.session_id,
            country=one.country,
            page_path=one.page_path,
            is_bot=one.is_bot,
            properties=dict(one.properties),
        )
        for one in stored
    ]
    if rows:
        await warehouse.writer.insert(b"".join(row + b"\n" for row in rows), tenant)
    return tenant


_QUESTION: TypeAdapter[Question] = TypeAdapter(Question)
_NONE: Mapping[str, Filter] = {}


@dataclass(frozen=True, slots=True)
class Asker:
    """Stores events and asks about them."""

    warehouse: OpenWarehouse
    reads: ClickHouseReads

    async def ask(
        self, stored: Sequence[Event], question: dict[str, Any], now: int = BEGIN, segments: Mapping[str, Filter] = _NONE
    ) -> Answer:
        """Store the events as those of a new tenant that keeps these segments, and ask it."""
        tenant = await store(self.warehouse, stored)
        return await answer(self.reads.of(tenant), _QUESTION.validate_python(question), Moment(now, segments=segments))


@pytest_asyncio.fixture
async def asker(warehouse: OpenWarehouse) -> AsyncIterator[Asker]:
    async with open_reads(warehouse.engine) as reads:
        yield Asker(warehouse, reads)
