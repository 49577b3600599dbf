"""The topics: made on purpose by ``millrace migrate``, checked at every start."""

from collections.abc import Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from millrace_core.errors import StartRefused
from millrace_eventlog.kafka.examination import NotAnswering, examine, forbidden
from millrace_eventlog.kafka.options import KafkaOptions
from millrace_eventlog.settings import LogSettings

_HOUR_MS: Final = 3_600_000
_MESSAGE_BYTES: Final = 1024 * 1024
_SETTINGS: Final = {
    InvalidPartitionsError: "MILLRACE_KAFKA_PARTITIONS",
    InvalidReplicationFactorError: "MILLRACE_KAFKA_REPLICATION",
}


async def create_topics(options: KafkaOptions, settings: LogSettings) -> Sequence[str]:
    """Make the topics that are not there yet, with the settings of delivery; the names of those made.

    Raises:
        StartRefused: Kafka cannot be reached, or refuses.
    """
    try:
        await examine(options, [])
    except NotAnswering as error:
        raise StartRefused(str(error)) from error
    admin: Any = AIOKafkaAdminClient(**options.client, client_id="millrace-migrate")
    try:
        await admin.start()
        there = set(await admin.list_topics())
        wanted = (_events(options, settings), _dead_letters(options, settings))
        return [topic.name for topic in wanted if topic.name not in there and await _create(admin, options, topic)]
    except (KafkaError, OSError) as error:
        raise StartRefused(f"MILLRACE_LOG_URL: Kafka at {options.brokers} does not answer ({type(error).__name__})") from error
    finally:
        await admin.close()


def _events(options: KafkaOptions, settings: LogSettings) -> NewTopic:
    return _topic(options.topic, settings.kafka_partitions, settings.kafka_replication, settings.kafka_retention_hours)


def _dead_letters(options: KafkaOptions, settings: LogSettings) -> NewTopic:
    return _topic(options.dead_letters, 1, settings.kafka_replication, settings.kafka_dead_letter_hours)


def _topic(name: str, partitions: int, replication: int, hours: int) -> NewTopic:
    return NewTopic(
        name,
        partitions,
        replication,
        topic_configs={
            "cleanup.policy": "delete",
            "retention.ms": str(hours * _HOUR_MS),
            "min.insync.replicas": str(max(1, replication - 1)),
            "unclean.leader.election.enable": "false",
            "max.message.bytes": str(_MESSAGE_BYTES),
            "message.timestamp.type": "CreateTime",
            "compression.type": "producer",
        },
    )


async def _create(admin: Any, options: KafkaOptions, topic: NewTopic) -> bool:
    if (await admin.describe_cluster())["controller_id"] < 0:
        raise StartRefused(f"Kafka has no controller that would make the topic {topic.name}: try again when it has elected one")
    response = await admin.create_topics([topic])
    _, code, *rest = response.topic_errors[0]
    if code == 0:
        return True
    error = for_code(code)
    if error is TopicAlreadyExistsError:
        return False
    if error in (TopicAuthorizationFailedError, ClusterAuthorizationFailedError):
        raise forbidden(options, ("create",), f"the topic {topic.name}")
    setting = _SETTINGS.get(error, "MILLRACE_LOG_URL")
    raise StartRefused(f"{setting}: Kafka refuses the topic {topic.name}: {rest[0] if rest and rest[0] else error.__name__}")
