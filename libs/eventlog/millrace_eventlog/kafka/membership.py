"""What the members of a consumer group have, as its coordinator tells."""

import asyncio
from typing import Any, Final

import structlog
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

_STABLE: Final = "Stable"
_DEADLINE_SECONDS: Final = 5.0

_log = structlog.get_logger("millrace.log")


async def others_have_all(admin: Any, consumer: Any, group: str, topic: str) -> bool:
    """Whether the group is at rest and its members have every partition of the topic; False where nobody tells.

    Args:
        admin: an open client for asking.
        consumer: a member that has nothing.
    """
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            partitions = consumer.partitions_for_topic(topic)
            answers = await admin.describe_consumer_groups([group])
    except (KafkaError, OSError, TimeoutError, NotImplementedError) as error:
        _log.info("group_not_described", cause=str(error))
        return False
    described = answers[0].to_object()["groups"][0]
    if described["state"] != _STABLE or not partitions:
        return False
    had: set[int] = set()
    for member in described["members"]:
        assigned = ConsumerProtocolMemberAssignment.decode(member["member_assignment"])
        had |= {place.partition for place in assigned.partitions() if place.topic == topic}
    return had >= set(partitions)
