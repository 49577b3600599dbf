"""The line of an event."""

import json

import msgspec

from millrace_core.events import EVENT_ID_AT, Arrival, Event, Visit, line_of, part_of_line

_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_the_parts_of_a_line_share_no_column() -> None:
    names = [name for part in (Event, Visit, Arrival) for name in part.__struct_fields__]
    assert len(names) == len(set(names))


def test_a_line_is_one_object_with_the_id_at_its_fixed_place() -> None:
    event = Event(_ID, "demo", "click", "2026-02-16 12:00:00.000", properties=msgspec.Raw(b'{"a": 1}'))
    line = line_of(event, part_of_line(Visit(page_path="/")), part_of_line(Arrival("2026-02-16 12:00:00.001")))
    assert line[EVENT_ID_AT].decode() == _ID
    assert json.loads(line) == {
        "event_id": _ID,
        "customer_id": "demo",
        "event_type": "click",
        "timestamp": "2026-02-16 12:00:00.000",
        "properties": {"a": 1},
        "page_path": "/",
        "received_at": "2026-02-16 12:00:00.001",
    }


def test_a_part_at_its_defaults_adds_nothing() -> None:
    assert part_of_line(Visit()) == b""
