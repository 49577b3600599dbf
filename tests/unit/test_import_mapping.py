"""From rows to events: fields, properties, ids."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.errors import InvalidInput
from millrace_standalone.importing.mapping import Mapper
from millrace_standalone.importing.source import Place, Row


def _row(text: bytes = b"{}", cells: list[str] | None = None, line: int = 1) -> Row:
    return Row(line, "\0".join(cells).encode("utf-8", "surrogateescape") if cells is not None else text, cells, Place())


def _event(value: Any, **options: Any) -> dict[str, Any]:
    mapper = Mapper("file", [], options.pop("customer", None), options.pop("renamed", {}))
    made: dict[str, Any] = json.loads(mapper.event(_row(json.dumps(value).encode(), **options)))
    return made


def _csv(header: list[str], cells: list[str], **renamed: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(Mapper("file", header, "demo", renamed).event(_row(cells=cells)))
    del made["event_id"]
    return made


def test_fields_stay_and_the_rest_goes_into_the_properties() -> None:
    made = _event({"customer_id": "t", "event_type": "a", "amount": 3, "properties": {"page": "/"}, "context.ip": "1.2.3.4"})

    assert made["properties"] == {"amount": 3, "page": "/"}
    assert made["context"] == {"ip": "1.2.3.4"}
    assert (made["customer_id"], made["event_type"]) == ("t", "a")


def test_what_properties_say_themselves_wins_over_a_column_beside_them() -> None:
    assert _event({"page": "column", "properties": {"page": "said"}})["properties"] == {"page": "said"}


def test_columns_are_renamed_and_the_customer_is_the_one_that_was_given() -> None:
    made = _event({"customer_id": "theirs", "kind": "click"}, customer="ours", renamed={"kind": "event_type"})

    assert (made["customer_id"], made["event_type"]) == ("ours", "click")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12", 12),
        ("-0.5", -0.5),
        ("007", "007"),
        ("+49", "+49"),
        ("1e5", "1e5"),
        ("12345678901234567890", "12345678901234567890"),
        ("true", True),
        ("True", "True"),
        ("NaN", "NaN"),
        (" 1", " 1"),
    ],
)
def test_a_cell_is_a_number_only_where_it_comes_back_as_it_was(cell: str, value: Any) -> None:
    assert _csv(["x"], [cell]) == {"customer_id": "demo", "properties": {"x": value}}


def test_cells_of_fields_stay_text_empty_ones_are_absent_and_objects_are_read() -> None:
    made = _csv(["visitor_id", "user_id", "properties", "context.userAgent"], ["42", "", '{"a":{"b":1}}', "curl/8"])

    assert made == {
        "customer_id": "demo",
        "visitor_id": "42",
        "properties": {"a": {"b": 1}},
        "context": {"userAgent": "curl/8"},
    }


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (_row(b"{"), "invalid_json"),
        (_row(b"[1]"), "invalid_json"),
        (_row(b'{"a":NaN}'), "invalid_json"),
        (_row(b'{"a":"\xff"}'), "invalid_json"),
        (_row(b'{"a":' + b"[" * 100_000), "invalid_json"),
    ],
)
def test_a_line_that_is_no_object_is_rejected(row: Row, code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Mapper("file", [], None, {}).event(row)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("cells", "code"),
    [(["1", "2", "3"], "too_many_cells"), (["[1]", ""], "invalid_properties"), (["", "\udcff"], "invalid_utf8")],
)
def test_cells_that_are_no_event_are_rejected(cells: list[str], code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Mapper("file", ["properties", "x"], None, {}).event(_row(cells=cells))
    assert raised.value.code == code


def test_an_id_of_the_row_is_kept() -> None:
    assert _event({"event_id": "mine"})["event_id"] == "mine"


@given(st.integers(1, 10**9), st.text(max_size=20), st.text(max_size=5), st.text(max_size=5))
def test_a_row_without_an_id_has_the_same_one_at_every_import_and_no_other_row_has_it(
    line: int, said: str, customer: str, identity: str
) -> None:
    def made(identity: str, customer: str, line: int, said: str) -> str:
        row = _row(json.dumps({"customer_id": customer, "said": said}).encode(), line=line)
        return str(json.loads(Mapper(identity, [], None, {}).event(row))["event_id"])

    own = made(identity, customer, line, said)

    assert made(identity, customer, line, said) == own
    others = {
        made(identity + "x", customer, line, said),
        made(identity, customer + "x", line, said),
        made(identity, customer, line + 1, said),
        made(identity, customer, line, said + "x"),
    }
    assert len(others) == 4
    assert own not in others
