"""Finding events in batches that are not JSON."""

import time

import pytest

from millrace_core.errors import TooLarge
from millrace_ingestion.protocols.splitting import split_events


def test_events_are_found_by_their_braces() -> None:
    body = b' { "sent_at" : 1, "events" : [ {"a":"}]"} , NaN, {"b":[1,{"c":"\\"{"}]}, "x,y", nul ], "more": [1] } '
    found = split_events(body)
    assert found is not None
    assert [text.strip(b" ,") for text in found.events] == [b'{"a":"}]"}', b"NaN", b'{"b":[1,{"c":"\\"{"}]}', b'"x,y"', b"nul"]
    assert found.envelope.replace(b" ", b"") == b'{"sent_at":1,"events":[],"more":[1]}'


def test_a_list_as_event_is_one_event() -> None:
    found = split_events(b'{"events":[[1,2],{"a":1}]}')
    assert found is not None
    assert len(found.events) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[",
        b'{"events":{}}',
        b'{"events":[{"a":1}',
        b'{"events":[{"a":"x]}',
        b'{"x":{"events":[]}}',
        b"[" * 1_000_000,
        b"]" * 100,
    ],
)
def test_without_a_sound_outline_there_are_none(body: bytes) -> None:
    assert split_events(body) is None


@pytest.mark.parametrize("piece", [b"[", b'"', b'"a" ', b"\\", b"x", b'{"', b"[]", b'"\\'])
def test_hostile_text_takes_bounded_time(piece: bytes) -> None:
    body = b'{"events":[' + piece * (5 * 2**20 // len(piece))
    began = time.process_time()
    assert split_events(body) is None
    assert time.process_time() - began < 2.0


def test_more_values_than_any_batch_has_are_refused_before_they_cost_memory() -> None:
    with pytest.raises(TooLarge):
        split_events(b'{"events":[' + b"1," * 1_000_000 + b"{}]}")
