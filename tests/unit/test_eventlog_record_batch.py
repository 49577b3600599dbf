"""Record batches that are compressed here: what Kafka and its clients read of them."""

import os

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from millrace_eventlog.kafka.record_batch import RecordBatch
from millrace_eventlog.kafka.wire import BATCH_BYTES, Message

_AT = 1_771_243_200_000
_HEAD = (
    "magic base_offset last_offset_delta first_timestamp max_timestamp timestamp_type producer_id producer_epoch base_sequence "
    "is_transactional is_control_batch"
).split()
_SMALL = st.binary(min_size=1, max_size=64)
_MESSAGES = st.lists(
    st.builds(lambda key, value, times: Message(key, value * times, [("v", b"1")]), _SMALL, _SMALL, st.integers(1, 40)),
    min_size=1,
    max_size=30,
)


def _built(batch: BatchBuilder, messages: list[Message]) -> DefaultRecordBatch:
    for key, value, headers in messages:
        assert batch.append(timestamp=_AT, key=key, value=value, headers=headers) is not None
    batch._set_producer_state(7, 3, 1_000)
    return DefaultRecordBatch(bytes(batch._build()))


def _head(batch: DefaultRecordBatch) -> dict[str, object]:
    return {name: getattr(batch, name) for name in _HEAD}


@given(_MESSAGES)
def test_a_batch_reads_as_what_was_put_in_and_says_what_aiokafkas_own_says(messages: list[Message]) -> None:
    ours, theirs = _built(RecordBatch(), messages), _built(BatchBuilder(BATCH_BYTES, DefaultRecordBatch.CODEC_LZ4), messages)
    assert ours.validate_crc()
    assert _head(ours) == _head(theirs)
    assert [(one.key, one.value, one.headers) for one in ours] == [(one.key, one.value, [*one.headers]) for one in messages]


def test_lines_are_compressed_and_what_cannot_be_smaller_is_sent_as_it_is() -> None:
    lines = [Message(b"demo:v", b'{"event_id":"x","page":"/"}' * 20, []) for _ in range(50)]
    noise = [Message(b"demo:v", os.urandom(500), [])]
    assert _built(RecordBatch(), lines).compression_type == DefaultRecordBatch.CODEC_LZ4
    assert _built(RecordBatch(), noise).compression_type == DefaultRecordBatch.CODEC_NONE


def test_a_full_batch_takes_nothing_more() -> None:
    batch = RecordBatch()
    half = bytes(BATCH_BYTES // 2)
    assert batch.append(timestamp=_AT, key=b"k", value=half, headers=[]) is not None
    assert batch.append(timestamp=_AT, key=b"k", value=half, headers=[]) is None
    assert batch.append(timestamp=_AT, key=b"k", value=b"small", headers=[]) is None
    assert batch.record_count() == 1
