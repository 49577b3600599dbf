"""What a process needs of Kafka for what it does with the log."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from millrace_eventlog.kafka.options import KafkaOptions
from millrace_eventlog.ports import Use

_EVENTS: Final[dict[Use, str]] = {"write": "write", "consume": "read", "follow": "read", "look_up": "read"}
_SETTING_ASIDE: Final[frozenset[Use]] = frozenset({"consume", "set_aside"})


class Need(NamedTuple):
    """A topic, and what this process does with it: of ``read`` and ``write``."""

    topic: str
    operations: Sequence[str]
    group: str = ""
    """The consumer group that it is read in."""


def needs_of(options: KafkaOptions, uses: Collection[Use]) -> list[Need]:
    """The needs of these uses."""
    found = []
    operations = sorted({_EVENTS[use] for use in uses if use in _EVENTS})
    if operations:
        found.append(Need(options.topic, operations, options.group if "consume" in uses else ""))
    if not _SETTING_ASIDE.isdisjoint(uses):
        found.append(Need(options.dead_letters, ("read", "write")))
    elif "look_up" in uses:
        found.append(Need(options.dead_letters, ("read",)))
    return found
