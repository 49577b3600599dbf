"""The ports of the log over the Kafka adapter, on a mock cluster whose faults the tests decide."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import SecretStr

from millrace_core.errors import LogUnavailable, NotFound, PartitionLost, RecordTooLarge, StartRefused
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.records import Damaged, DeadLetter, Intent, LogRun, Missing, ReadLimit, TailGap, TailItem, TailPosition
from millrace_eventlog.settings import LogSettings
from tests.support.eventlog import tailed
from tests.support.kafka import TOPIC, ids, opened_kafka, routed, settings_of, with_topics
from tests.support.kafka_mock import OFFSET_COMMIT, PRODUCE, MockKafka, mock_kafka


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        yield with_topics(cluster)


async def test_records_are_read_back_as_they_were_and_those_of_a_visitor_in_order(kafka: MockKafka) -> None:
    sent = routed(2_000)
    async with opened_kafka(settings_of(kafka)) as log:
        await asyncio.gather(*(log.ports.writer.append(sent[first : first + 100]) for first in range(0, 2_000, 100)))
        await log.until_granted()
        read = await log.records()

    without_routing = {one.event_id: msgspec.structs.replace(one, routing="") for one in sent}
    assert sorted(ids([one for part in read.values() for one in part])) == sorted(without_routing)
    assert all(one == without_routing[one.event_id] for part in read.values() for one in part)
    assert all(read.values())
    for visitor in range(50):
        mine = ids(sent[visitor::50])
        assert [[one for one in ids(part) if one in mine] for part in read.values() if set(ids(part)) & set(mine)] == [mine]


async def test_reads_keep_their_limits_and_wait_for_the_first_record(kafka: MockKafka) -> None:
    async with opened_kafka(settings_of(kafka)) as log:
        await log.until_granted()
        reading = asyncio.create_task(log.ports.reader.read(0, 0, ReadLimit(10, 2**20, 20.0)))
        for _ in range(3):
            await log.ports.writer.append(routed(300))
        assert sum(len(run.records) for run in await reading if isinstance(run, LogRun)) <= 10

        start, taken = 0, []
        while more := await log.ports.reader.read(1, start, ReadLimit(1_000, 2_000, 0.3)):
            size = sum(len(one.line) for run in more if isinstance(run, LogRun) for one in run.records)
            assert size <= 2_000
            taken += [one.event_id for run in more if isinstance(run, LogRun) for one in run.records]
            start = more[-1].end
        again = [run for run in await log.entries(1, 0) if isinstance(run, LogRun)]
        assert taken == [one.event_id for run in again for one in run.records]


async def test_behind_a_backlog_one_read_brings_what_many_record_batches_hold(kafka: MockKafka) -> None:
    async with opened_kafka(settings_of(kafka)) as log:
        for _ in range(30):
            await log.ports.writer.append(routed(40))
        await log.until_granted()
        end = await log.ports.reader.end(0)
        found = await log.ports.reader.read(0, 0, ReadLimit(10_000, 2**20, 20.0))
        assert sum(len(run.records) for run in found if isinstance(run, LogRun)) == end


async def test_the_position_and_its_intent_outlive_the_process(kafka: MockKafka) -> None:
    settings = settings_of(kafka)
    intent = Intent(end=7, crc32=0xFFFF_FFFF, count=4, written_at=1_770_000_000_000)
    async with opened_kafka(settings) as log:
        await log.ports.writer.append(routed(300))
        granted = await log.until_granted()
        assert {(each.start, each.intent, each.unclean) for each in granted.values()} == {(0, None, False)}
        ends = {partition: (await log.entries(partition))[-1].end for partition in granted}
        await log.ports.reader.commit(0, ends[0])
        assert (await log.ports.reader.lag(0)).records == 0
        await log.ports.reader.intend(1, intent)
        lag = await log.ports.reader.lag(1)
        assert lag.records == ends[1]
        assert lag.oldest_stored_at is not None
    async with opened_kafka(settings) as log:
        granted = await log.until_granted()
        assert (granted[0].start, granted[0].intent) == (ends[0], None)
        assert (granted[1].start, granted[1].intent) == (0, intent)
        assert (await log.ports.reader.lag(1)).records == ends[1]  # before anything of it was read
        await log.ports.reader.commit(1, 7)
        assert await log.entries(0) == []
    async with opened_kafka(settings) as log:
        granted = await log.until_granted()
        assert (granted[1].start, granted[1].intent) == (7, None)


async def test_what_retention_took_first_is_told_with_its_range(kafka: MockKafka) -> None:
    settings = settings_of(kafka)
    async with opened_kafka(settings) as log:
        await log.ports.writer.append(routed(600))
        await log.until_granted()
        await log.ports.reader.commit(0, 10)
    kafka.delete_records(TOPIC, 0, 25)
    async with opened_kafka(settings) as log:
        await log.until_granted()
        entries = await log.entries(0)
    assert entries[0] == Missing(0, 10, 25)
    assert isinstance(entries[1], LogRun)
    assert entries[1].offset == 25


async def test_a_topic_that_was_made_again_is_recognised(kafka: MockKafka) -> None:
    settings = settings_of(kafka)
    async with opened_kafka(settings) as log:
        await log.ports.writer.append(routed(300))
        await log.until_granted()
        await log.entries(0)
        end = (await log.entries(0))[-1].end
        await log.ports.reader.commit(0, end)
    await _commit_by_hand(kafka, {0: (end, '{"v":1,"k":12345}'), 1: (10_000, "")})
    async with opened_kafka(settings) as log:
        granted = await log.until_granted()
        assert [granted[partition].start for partition in range(3)] == [0, 0, 0]
        assert log.sample("millrace_consumer_recreated_partitions_total") == 2


async def test_messages_of_others_are_damage_and_the_rest_is_read(kafka: MockKafka) -> None:
    async with opened_kafka(settings_of(kafka)) as log:
        await log.ports.writer.append(routed(100))
        await log.until_granted()
        end = (await log.entries(2))[-1].end
        stranger: Any = AIOKafkaProducer(bootstrap_servers=kafka.brokers)
        await stranger.start()
        await stranger.send_and_wait(TOPIC, b"{}", partition=2)
        await stranger.send_and_wait(TOPIC, b"{}", key=b"no-colon", headers=[("v", b"1")], partition=2)
        await stranger.stop()
        await log.ports.writer.append(routed(100))
        entries = await log.entries(2, end)
    assert [type(entry) for entry in entries] == [Damaged, Damaged, LogRun]
    assert entries[0].offset == end


async def test_a_follower_sees_what_comes_and_resumes_where_it_was(kafka: MockKafka) -> None:
    async with opened_kafka(settings_of(kafka), joins=False) as log:
        before, after = routed(50), routed(60)
        await log.ports.writer.append(before)
        end = await log.ports.tail.end()
        live = asyncio.create_task(tailed(log.ports.tail, end, 60))
        await asyncio.sleep(0.2)
        await log.ports.writer.append(after)
        assert sorted(map(str, await live)) == sorted(ids(after))
        assert sorted(map(str, await tailed(log.ports.tail, end, 60))) == sorted(ids(after))
        start = TailPosition(dict.fromkeys(range(3), (0, -1)))
        assert sorted(map(str, await tailed(log.ports.tail, start, 110))) == sorted(ids(before) + ids(after))

        item = await anext(aiter(log.ports.tail.follow(start)))
        assert isinstance(item, TailItem)
        assert item.place(1) == (item.partition, item.entry.offset + 1, 0)


async def test_a_follower_is_told_what_retention_took(kafka: MockKafka) -> None:
    async with opened_kafka(settings_of(kafka), joins=False) as log:
        await log.ports.writer.append(routed(300))
        kafka.delete_records(TOPIC, 1, 20)
        first = await anext(aiter(log.ports.tail.follow(TailPosition({1: (4, 0)}))))
        assert first == TailGap(1, 5, 19)


async def test_dead_letters_are_kept_once_listed_and_dropped(kafka: MockKafka) -> None:
    letter = DeadLetter(0, 7, 0, "shop", "id", "refused_by_warehouse", "insert", "no “number”", b"{}", 1, 1_770_000_000_000)
    others = [replace(letter, offset=offset, tenant="other") for offset in (8, 9)]
    async with opened_kafka(settings_of(kafka), joins=False) as log:
        letters = log.ports.dead_letters
        await letters.put([letter, *others])
        await letters.put([letter])
        assert await letters.count() == 3
        assert await letters.list(tenant="shop") == [replace(letter, id=1)]
        assert [one.offset for one in await letters.list(after=1, limit=1)] == [8]
        assert await letters.drop([2, 2, 99]) == 1
    async with opened_kafka(settings_of(kafka), joins=False) as log:
        letters = log.ports.dead_letters
        assert [one.offset for one in await letters.list()] == [7, 9]
        assert await letters.get(1) == replace(letter, id=1)
        with pytest.raises(NotFound):
            await letters.get(2)
        await letters.put(others)  # a replayed batch brings back nothing that was decided
        assert await letters.count() == 2


@pytest.mark.parametrize("code", [45, 59])  # out of order, unknown producer: for good
async def test_a_poisoned_producer_is_replaced(kafka: MockKafka, code: int) -> None:
    async with opened_kafka(settings_of(kafka)) as log:
        kafka.errors(PRODUCE, code)
        with pytest.raises(LogUnavailable):
            await log.ports.writer.append(routed(1))
        kept = routed(40)
        async with asyncio.timeout(20):
            while True:
                try:
                    await log.ports.writer.append(kept)
                    break
                except LogUnavailable:
                    await asyncio.sleep(0.05)
        assert log.sample("millrace_producer_recreated_total") == 1
        await log.until_granted()
        assert set(ids(kept)) <= {one for part in (await log.records()).values() for one in ids(part)}


@pytest.mark.parametrize("code", [6, 7, 19, 20])  # no leader, timeout, too few replicas (also after the append)
async def test_passing_troubles_of_a_broker_are_waited_out(kafka: MockKafka, code: int) -> None:
    async with opened_kafka(settings_of(kafka)) as log:
        kafka.errors(PRODUCE, code, code)
        sent = routed(1)
        await log.ports.writer.append(sent)
        await log.until_granted()
        found = [one for part in (await log.records()).values() for one in ids(part)]
    assert set(found) == set(ids(sent))


async def test_nothing_is_accepted_while_no_broker_acknowledges_and_again_when_one_does(kafka: MockKafka) -> None:
    async with opened_kafka(settings_of(kafka, kafka_stalled_seconds=0.3), joins=False) as log:
        await log.ports.writer.ping()
        kafka.down()
        waiting = asyncio.create_task(log.ports.writer.append(routed(1)))
        with pytest.raises(LogUnavailable, match="does not acknowledge"):
            await _ping_until_refused(log.ports)
        with pytest.raises(LogUnavailable):
            await log.ports.writer.append(routed(1))
        kafka.up()
        await asyncio.wait_for(waiting, 60)
        await log.ports.writer.append(routed(1))


@pytest.mark.parametrize("code", [14, 15, 16])  # the coordinator is loading, not there, another
async def test_a_commit_is_tried_until_it_is_written(kafka: MockKafka, code: int) -> None:
    async with opened_kafka(settings_of(kafka)) as log:
        await log.ports.writer.append(routed(300))
        await log.until_granted()
        kafka.errors(OFFSET_COMMIT, code)
        await log.ports.reader.commit(0, 5)
    async with opened_kafka(settings_of(kafka)) as log:
        assert (await log.until_granted())[0].start == 5


@pytest.mark.parametrize("code", [22, 25])  # another generation, an unknown member
async def test_a_commit_of_a_member_that_was_shut_out_is_refused(kafka: MockKafka, code: int) -> None:
    async with opened_kafka(settings_of(kafka)) as log:
        await log.ports.writer.append(routed(300))
        await log.until_granted()
        kafka.errors(OFFSET_COMMIT, code)
        with pytest.raises(PartitionLost):
            await log.ports.reader.commit(0, 5)
        with pytest.raises(PartitionLost):
            await log.ports.reader.intend(0, Intent(9, 1, 1, 1))
        assert log.sample("millrace_consumer_fenced_total") == 1


async def test_a_record_that_no_batch_holds_is_refused(kafka: MockKafka) -> None:
    async with opened_kafka(settings_of(kafka), joins=False) as log:
        large = msgspec.structs.replace(routed(1)[0], line=b"x" * 1_000_000)
        with pytest.raises(RecordTooLarge):
            await log.ports.writer.append([large])


async def test_a_busy_visitor_is_spread_over_partitions_only_where_it_is_asked_for(kafka: MockKafka) -> None:
    for rate, partitions in ((0, 1), (10, 3)):
        async with opened_kafka(settings_of(kafka, kafka_hot_key_rate=rate, kafka_group=f"g{rate}"), joins=False) as log:
            start = await log.ports.tail.end()
            await log.ports.writer.append(routed(500, visitors=1))
            end = await log.ports.tail.end()
        assert sum(end.seen[each] != start.seen[each] for each in range(3)) == partitions


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("kafka://127.0.0.1:9/events", "does not answer"),
        ("kafka://127.0.0.1/events", "allowed is kafka://"),
        ("kafka://127.0.0.1:²/events", "allowed is kafka://"),
        ("kafka://127.0.0.1:65536/events", "allowed is kafka://"),
        ("kafka://127.0.0.1:9092", "allowed is kafka://"),
        ("kafka://127.0.0.1:9092/a/b", "a topic's name"),
        ("redis://127.0.0.1:1/events", "allowed are sqlite:///"),
    ],
)
async def test_a_start_on_a_wrong_url_names_the_setting(url: str, says: str) -> None:
    with pytest.raises(StartRefused, match=says) as refused:
        async with opened_kafka(LogSettings(log_url=url), joins=False):
            pass
    assert refused.value.message.startswith("MILLRACE_LOG_URL")
    assert "\n" not in refused.value.message


async def test_a_start_without_password_or_certificate_says_what_to_do() -> None:
    with mock_kafka() as kafka:
        settings = settings_of(kafka)
        with pytest.raises(StartRefused, match="MILLRACE_KAFKA_USERNAME"):
            async with opened_kafka(settings.model_copy(update={"kafka_security": "SASL_SSL"}), joins=False):
                pass
        given = {"kafka_security": "SSL", "kafka_ca_file": "/nowhere", "kafka_password": SecretStr("x")}
        with pytest.raises(StartRefused, match="MILLRACE_KAFKA_CA_FILE"):
            async with opened_kafka(settings.model_copy(update=given), joins=False):
                pass


async def _ping_until_refused(log: LogPorts) -> None:
    async with asyncio.timeout(20):
        while True:
            await log.writer.ping()
            await asyncio.sleep(0.05)


async def _commit_by_hand(kafka: MockKafka, positions: dict[int, tuple[int, str]]) -> None:
    """As an operator's tool does."""
    consumer: Any = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=kafka.brokers,
        group_id="millrace",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=2_000,
        heartbeat_interval_ms=500,
    )
    await consumer.start()
    async with asyncio.timeout(30):
        while len(consumer.assignment()) < 3:
            await consumer.getmany(timeout_ms=50)
    await consumer.commit({TopicPartition(TOPIC, partition): position for partition, position in positions.items()})
    await consumer.stop()
