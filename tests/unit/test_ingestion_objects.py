"""Properties and context: kept as sent, checked for what no warehouse takes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.errors import InvalidInput
from millrace_ingestion.objects import MAX_DEPTH, MAX_KEY, MAX_STRING, check_object


def _checked(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return bytes(check_object(msgspec.Raw(raw), "properties")[0])


@pytest.mark.parametrize("text", ['{"a": 1.0,"b":1e5, "a":2}', '{"big":123456789012345678901234567890}', '{"n":"\\u0000"}'])
def test_the_text_stays_byte_for_byte(text: str) -> None:
    assert _checked(text) == text.encode()


@pytest.mark.parametrize("text", ["", "null", "{}"])
def test_nothing_is_the_empty_object(text: str) -> None:
    assert _checked(text) == b"{}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[1]", "invalid_properties"),
        ('"x"', "invalid_properties"),
        ('{"a":1e400}', "number_out_of_range"),
        ('{"a":-1e400}', "number_out_of_range"),
        ('{"a":' + "9" * 5000 + "}", "number_out_of_range"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b'{"\xed\xa0\x80":1}', "invalid_utf8"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "too_deep"),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "too_deep"),
        ('{"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "too_deep"),
        ('{"' + "k" * (MAX_KEY + 1) + '":1}', "key_too_long"),
        ('{"a":[{"' + "k" * (MAX_KEY + 1) + '":1}]}', "key_too_long"),
        ('{"a":["' + "x" * (MAX_STRING + 1) + '"]}', "string_too_long"),
        ('{"a":NaN}', "invalid_json"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_code(text: str | bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _checked(text)
    assert caught.value.code == code
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH,
        '{"' + "k" * MAX_KEY + '":1}',
        '{"a":"' + "x" * MAX_STRING + '"}',
    ],
)
def test_the_limits_themselves_are_allowed(text: str) -> None:
    assert _checked(text) == text.encode()


def test_line_breaks_between_tokens_are_taken_out_and_nothing_else() -> None:
    assert _checked('{\n  "a" :\r\n 1.50 , "a":"x\\ny"}') == b'{"a":1.50,"a":"x\\ny"}'


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ('{"$ip":"203.0.113.77"}', '{"$ip":"203.0.113.0"}'),
        ('{"ip" : "203.0.113.77","x":1.0}', '{"ip":"203.0.113.0","x":1.0}'),
        ('{"a":[{"ip_address":"2001:db8:1:2::3"}]}', '{"a":[{"ip_address":"2001:db8:1::"}]}'),
        ('{"ip":"203.0.113.77","ip":"203.0.113.78:80"}', '{"ip":"203.0.113.0","ip":"203.0.113.0"}'),
        ('{"\\u0069p":"203.0.113.77"}', '{"ip":"203.0.113.0"}'),
        ('{"ip":"203.0.113.\\u0037"}', '{"ip":"203.0.113.0"}'),
        ('{"ip":"unknown"}', '{"ip":"unknown"}'),
        ('{"ip":5}', '{"ip":5}'),
        ('{"ship":"203.0.113.77"}', '{"ship":"203.0.113.77"}'),
    ],
)
def test_addresses_are_cut_wherever_they_stand(text: str, cut: str) -> None:
    assert _checked(text) == cut.encode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8).filter(lambda key: "ip" not in key.lower()), _json, max_size=6), st.booleans())
def test_any_object_reads_the_same_on_one_line(value: dict[str, Any], pretty: bool) -> None:
    text = json.dumps(value, indent=2 if pretty else None)
    stored, found = check_object(msgspec.Raw(text.encode()), "properties")
    assert b"\n" not in bytes(stored)
    assert json.loads(bytes(stored)) == value == found
