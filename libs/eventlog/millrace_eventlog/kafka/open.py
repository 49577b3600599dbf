"""Opens and closes the log on Kafka."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

from aiokafka.errors import KafkaError

from millrace_core.errors import StartRefused
from millrace_eventlog.kafka.dead_letters import KafkaDeadLetters, options_of_dead_letters
from millrace_eventlog.kafka.examination import NotAnswering, examine
from millrace_eventlog.kafka.group import Group
from millrace_eventlog.kafka.needs import Need, needs_of
from millrace_eventlog.kafka.options import KafkaOptions
from millrace_eventlog.kafka.producer import Producer
from millrace_eventlog.kafka.reader import KafkaLogReader
from millrace_eventlog.kafka.tail import KafkaLogTail
from millrace_eventlog.kafka.writer import HotKeys, KafkaLogWriter
from millrace_eventlog.ports import LogPorts, Use
from millrace_eventlog.settings import LogSettings
from millrace_service.metrics import Metrics


@asynccontextmanager
async def open_kafka_log(
    settings: LogSettings, metrics: Metrics, uses: Collection[Use], *, waits: bool = False
) -> AsyncIterator[LogPorts]:
    """The ports of the log on Kafka. This process joins the consumer group when its reader is first asked for assignments.

    Args:
        waits: a Kafka that does not answer is no reason not to start; it is tried until it does.

    Raises:
        StartRefused: the URL is wrong, Kafka does not answer or refuses us, or the topics are not there.
    """
    options = KafkaOptions.of(settings)
    needs = needs_of(options, uses)
    answers = await _examined(options, needs, waits=waits)
    async with AsyncExitStack() as stack:
        producer = Producer(options, settings.kafka_stalled_seconds, metrics)
        letters = Producer(options_of_dead_letters(options), settings.kafka_stalled_seconds, metrics)
        for each in (producer, letters):
            stack.push_async_callback(each.close)
            if any(need.topic == each.topic and "write" in need.operations for need in needs):
                await _start(each, options, answers=answers)
        writer = KafkaLogWriter(producer, settings.log_pending_bytes, HotKeys(settings.kafka_hot_key_rate), metrics)
        reader = KafkaLogReader(lambda: Group(options, settings, metrics))
        stack.push_async_callback(reader.close)
        tail = KafkaLogTail(options)
        stack.push_async_callback(tail.close)
        dead_letters = KafkaDeadLetters(options, letters)
        stack.push_async_callback(dead_letters.close)
        yield LogPorts(writer, reader, tail, dead_letters, lambda: 0)


async def _examined(options: KafkaOptions, needs: Collection[Need], *, waits: bool) -> bool:
    """Whether Kafka answers."""
    try:
        await examine(options, needs)
    except NotAnswering as error:
        if not waits:
            raise StartRefused(str(error)) from error
        return False
    return True


async def _start(producer: Producer, options: KafkaOptions, *, answers: bool) -> None:
    if not answers:
        producer.start_later()
        return
    try:
        await producer.start()
    except (KafkaError, LookupError, OSError, TimeoutError) as error:
        raise StartRefused(f"MILLRACE_LOG_URL: Kafka at {options.brokers} does not answer ({type(error).__name__})") from error
