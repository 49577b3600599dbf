"""Outcomes, and looking for single events, over the Kafka adapter."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from millrace_consumer.settings import ConsumerSettings
from millrace_core.ids import new_id
from millrace_core.time import now_ms, warehouse_time
from millrace_eventlog.kafka.wire import Packer, Unreadable, record_of
from millrace_eventlog.outcomes import Outcome, minute_of, outcome_of
from millrace_eventlog.outcomes import record_of as record_of_outcome
from millrace_eventlog.records import DeadLetter, LogRecord, TailPosition
from tests.support.kafka import PARTITIONS, opened_kafka, routed, settings_of, with_topics
from tests.support.kafka_mock import MockKafka, mock_kafka
from tests.support.pipeline import life, record
from tests.support.warehouse import OpenWarehouse


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        yield with_topics(cluster)


def _told(events: int, tenant: str = "faults") -> LogRecord:
    at, record_id = now_ms(), new_id(now_ms())
    outcome = Outcome(tenant, minute_of(at), "rejected", record_id, events, warehouse_time(at), "invalid_json", "native")
    return record_of_outcome(outcome, record_id, at)


def test_an_outcomes_message_is_of_a_version_that_older_consumers_take_for_damaged() -> None:
    told = _told(3)
    message = Packer().message(told)
    assert dict(message.headers)["v"] == b"2"
    assert record_of(message.key, message.value, message.headers) == told
    assert outcome_of(record_of(message.key, message.value, message.headers)).events == 3
    assert dict(Packer().message(record(1)).headers)["v"] == b"1"
    with pytest.raises(Unreadable):
        record_of(message.key, message.value, [("v", b"3"), *message.headers[1:]])


async def test_events_and_outcomes_share_partitions_and_each_goes_to_its_table(
    tmp_path: Path, kafka: MockKafka, warehouse: OpenWarehouse
) -> None:
    sent = routed(300)
    settings = ConsumerSettings(consumer_flush_seconds=0.02, consumer_backoff_seconds=0.2)
    async with life(tmp_path, warehouse, settings=settings, log_settings=settings_of(kafka)) as alive:
        for first in range(0, 300, 50):
            told = [_told(2), _told(1, "another")]
            await alive.log.writer.append([told[0], *sent[first : first + 50], told[1]])
        await alive.until_stored()
        await alive.log.writer.append([*sent[:20], _told(5)])  # sent again
        await alive.until_stored()
        assert await alive.log.dead_letters.count() == 0

    assert await warehouse.value("SELECT count() FROM events_raw") == 300
    rows = await warehouse.connection.query(
        "SELECT customer_id, outcome, sum(events) FROM ingest_outcomes FINAL GROUP BY ALL ORDER BY ALL"
    )
    assert [tuple(row) for row in rows.rows] == [
        ("another", "rejected", 6),
        ("faults", "duplicate", 20),
        ("faults", "rejected", 17),
    ]


async def test_how_far_the_consumer_is_is_told_without_joining_its_group(kafka: MockKafka) -> None:
    settings = settings_of(kafka)
    async with opened_kafka(settings, joins=False) as alone:
        await alone.ports.writer.append(routed(300))
        assert await alone.ports.tail.committed() == TailPosition(dict.fromkeys(range(PARTITIONS), (0, -1)))
        async with opened_kafka(settings) as log:
            granted = await log.until_granted()
            ends = {partition: (await log.entries(partition))[-1].end for partition in granted}
            await log.ports.reader.commit(0, ends[0])
            assert (await alone.ports.tail.committed()).seen == {0: (ends[0], -1), 1: (0, -1), 2: (0, -1)}
        assert (await alone.ports.tail.end()).seen == {partition: (end, -1) for partition, end in ends.items()}


async def test_a_dead_letter_is_found_by_the_id_of_its_event(kafka: MockKafka) -> None:
    letter = DeadLetter(0, 7, 0, "shop", "one", "refused_by_warehouse", "insert", "no", b"{}", 1, 1_770_000_000_000)
    others = [replace(letter, offset=8, event_id="two"), replace(letter, offset=9, tenant="other")]
    async with opened_kafka(settings_of(kafka), joins=False) as log:
        await log.ports.dead_letters.put([letter, *others])
        listed = log.ports.dead_letters.list
        assert [one.offset for one in await listed(tenant="shop", event_ids=["one", "three"])] == [7]
        assert [one.offset for one in await listed(event_ids=["one"])] == [7, 9]
        assert await listed(event_ids=[]) == []
