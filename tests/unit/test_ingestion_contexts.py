"""What a context says becomes columns, whether it is one that SDKs usually send or any other."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.errors import InvalidInput
from millrace_ingestion.contexts import Context, context_of

_AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
_PAGE = {"url": "https://x.example/a?b=c", "path": "/a", "search": "?b=c", "title": "A", "referrer": "https://y.example/"}
_LONG = "x" * 200
"""Makes any context longer than those that are kept whole."""


def _read(said: Any) -> Context:
    return context_of(msgspec.Raw(json.dumps(said).encode()))


def _stored(context: Context) -> Any:
    return json.loads(_text(context))


def _text(context: Context) -> bytes:
    assert isinstance(context.text, msgspec.Raw)
    return bytes(context.text)


def _columns(context: Context) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(context).items() if name != "text"}


def test_the_context_of_a_browsers_sdk_fills_the_columns() -> None:
    said = {
        "userAgent": _AGENT,
        "userAgentData": {"brands": [{"brand": "Chromium", "version": "131"}], "mobile": False, "platform": "macOS"},
        "locale": "de_AT",
        "page": _PAGE,
        "campaign": {"source": " news ", "name": "spring"},
        "library": {"name": "analytics.js", "version": "npm:next-1.70.0"},
    }
    context = _read(said)
    assert (context.user_agent, context.language, context.ip) == (_AGENT, "de-AT", "")
    assert (context.page_url, context.referrer) == (_PAGE["url"], _PAGE["referrer"])
    assert context.campaign == ("news", "", "spring", "", "")
    assert _text(context) == json.dumps(said).encode()


_value = st.sampled_from(
    [None, True, 0, -1, 1.5, 2**60, "", "a", " de_AT ", [], [1], [{"brand": "a"}], {}, {"ip": "203.0.113.77"}]
)
_fields = st.sampled_from(
    ["url", "referrer", "title", "name", "version", "source", "medium", "width", "mobile", "brands", "ip"]
)
_parts = st.sampled_from(
    ["userAgent", "locale", "page", "campaign", "screen", "library", "os", "app", "sessionId", "userAgentData", "ip"]
)
_contexts = st.dictionaries(_parts, _value | st.dictionaries(_fields, _value, max_size=4), max_size=6)


@given(_contexts)
def test_a_context_reads_the_same_beside_what_no_sdk_says(said: dict[str, Any]) -> None:
    usual, other = _read({**said, "timezone": _LONG}), _read({**said, "timezone": _LONG, "unusual": True})
    assert _columns(usual) == _columns(other)
    assert {**_stored(usual), "unusual": True} == _stored(other)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ('{"page":{"url":"/a"},"page":{"title":"%s"}}', '{"page":{"url":"/a"},"page":{"title":"%s"}}'),
        ('{"userAgent" : "%s","screen":{"density":1.50}}', '{"userAgent" : "%s","screen":{"density":1.50}}'),
        ('{"userAgent":\n"%s"}', '{"userAgent":"%s"}'),
        ('{"page":{"ip":"203.0.113.77"},"timezone":"%s"}', '{"page":{"ip":"203.0.113.0"},"timezone":"%s"}'),
        ('{"page":{"ip":"203.0.113.77"},"page":{},"timezone":"%s"}', '{"page":{"ip":"203.0.113.0"},"page":{},"timezone":"%s"}'),
    ],
)
def test_the_text_is_stored_as_sent_but_for_line_breaks_and_addresses(text: str, stored: str) -> None:
    context = context_of(msgspec.Raw((text % _LONG).encode()))
    assert _text(context) == (stored % _LONG).encode()


@pytest.mark.parametrize("text", ["", "null", "{}", "{" + " " * 300 + "}"])
def test_an_empty_context_is_none(text: str) -> None:
    assert context_of(msgspec.Raw(text.encode())) == Context()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"screen":{"width":1e400},"timezone":"%s"}', "number_out_of_range"),
        ('{"sessionId":' + "9" * 5000 + ',"timezone":"%s"}', "number_out_of_range"),
        ('{"page":' + '{"a":' * 40 + "1" + "}" * 40 + ',"timezone":"%s"}', "too_deep"),
        ('{"page":{"title":"%s' + "y" * 70_000 + '"}}', "string_too_long"),
        ('{"timezone":"%s\\ud800"}', "invalid_json"),
        ('{"timezone":"%s",}', "invalid_json"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_code(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        context_of(msgspec.Raw((text % _LONG).encode()))
    assert caught.value.code == code
