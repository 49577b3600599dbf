"""A Kafka whose faults a test decides: librdkafka's mock cluster, in this process, spoken to over loopback.

It knows topics, groups and offsets, keeps everything in memory, and checks no sequence numbers.
"""

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import confluent_kafka

from tests.support import figures

PRODUCE: Final = 0
"""API key of what appends."""
FETCH: Final = 1
"""API key of what reads."""
OFFSET_COMMIT: Final = 8
"""API key of what commits positions."""
SYNC_GROUP: Final = 14
"""API key of what hands partitions out in a group."""

_NAMES: Final = {PRODUCE: "a Produce request", OFFSET_COMMIT: "an OffsetCommit", SYNC_GROUP: "a SyncGroup"}
_POINTER = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_INT32 = ctypes.c_int32
_SIGNATURES: Final[dict[str, tuple[Any, list[Any]]]] = {
    "conf_new": (_POINTER, []),
    "conf_set": (ctypes.c_int, [_POINTER, _TEXT, _TEXT, _POINTER, ctypes.c_size_t]),
    "new": (_POINTER, [ctypes.c_int, _POINTER, _TEXT, ctypes.c_size_t]),
    "destroy": (None, [_POINTER]),
    "mock_cluster_new": (_POINTER, [_POINTER, ctypes.c_int]),
    "mock_cluster_destroy": (None, [_POINTER]),
    "mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "mock_topic_create": (ctypes.c_int, [_POINTER, _TEXT, ctypes.c_int, ctypes.c_int]),
    "mock_broker_set_down": (ctypes.c_int, [_POINTER, _INT32]),
    "mock_broker_set_up": (ctypes.c_int, [_POINTER, _INT32]),
    "mock_partition_set_leader": (ctypes.c_int, [_POINTER, _TEXT, _INT32, _INT32]),
    "mock_partition_delete_records": (ctypes.c_int, [_POINTER, _TEXT, _INT32, ctypes.c_int64]),
    "mock_push_request_errors_array": (None, [_POINTER, ctypes.c_int16, ctypes.c_size_t, _POINTER]),
    "mock_set_apiversion": (ctypes.c_int, [_POINTER, ctypes.c_int16, ctypes.c_int16, ctypes.c_int16]),
    "mock_group_initial_rebalance_delay_ms": (None, [_POINTER, _INT32]),
}


def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka-*.so*"))))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class MockKafka:
    """One mock cluster."""

    def __init__(self, library: ctypes.CDLL, handle: int, cluster: int) -> None:
        self._library = library
        self._handle = handle
        self._cluster = cluster
        self.brokers: str = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()

    def topic(self, name: str, partitions: int) -> None:
        """Make a topic."""
        assert self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1) == 0

    def down(self, broker: int = 1) -> None:
        """Close a broker's connections and refuse new ones."""
        figures.injected("broker down")
        self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def up(self, broker: int = 1) -> None:
        """Answer again."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)
        figures.healed()

    def leader(self, topic: str, partition: int, broker: int) -> None:
        """Who leads a partition; -1 is nobody."""
        if broker < 0:
            figures.injected("partition without a leader")
        self._library.rd_kafka_mock_partition_set_leader(self._cluster, topic.encode(), partition, broker)

    def errors(self, api: int, *codes: int) -> None:
        """The next requests of this API are answered so, one after the other."""
        if any(codes):
            figures.injected(f"error of {_NAMES.get(api, str(api))}", sum(code != 0 for code in codes))
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, api, len(codes), array)

    def speaks(self, api: int, oldest: int, newest: int) -> None:
        """Which versions of an API it has."""
        assert self._library.rd_kafka_mock_set_apiversion(self._cluster, api, oldest, newest) == 0

    def delete_records(self, topic: str, partition: int, offset: int) -> None:
        """Retention: forget everything below an offset."""
        figures.injected("records deleted by retention")
        self._library.rd_kafka_mock_partition_delete_records(self._cluster, topic.encode(), partition, offset)

    def close(self) -> None:
        """Stop."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)


@contextlib.contextmanager
def mock_kafka(brokers: int = 1) -> Iterator[MockKafka]:
    """A running cluster without topics."""
    library = _library()
    text = ctypes.create_string_buffer(512)
    conf = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(conf, b"log_level", b"2", text, 512)
    handle = library.rd_kafka_new(0, conf, text, 512)
    cluster = library.rd_kafka_mock_cluster_new(handle, brokers)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    kafka = MockKafka(library, handle, cluster)
    try:
        yield kafka
    finally:
        kafka.close()
