"""The free JSON objects of an event, ``properties`` and ``context``: checked, kept as they were sent."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput
from millrace_core.events import NO_PROPERTIES
from millrace_ingestion.enrich.addresses import cut_addresses

MAX_DEPTH: Final = 32
"""Containers inside each other, the object itself included."""
MAX_KEY: Final = 512
"""Characters of a key."""
MAX_STRING: Final = 65_536
"""Characters of a string."""

ADDRESS_KEYS: Final = frozenset(
    key
    for name in (
        "ip IP Ip ip_address ipaddress ipAddress IPAddress ip-address ipv4 ipv6 uip _uip last_ip lastIp "
        "client_ip clientIp clientIP client_address clientAddress user_ip userIp userIP visitor_ip visitorIp "
        "remote_ip remoteIp remoteIP remote_addr remoteAddr remoteAddress remote_address REMOTE_ADDR source_ip sourceIp "
        "real_ip realIp x-real-ip X-Real-IP x-forwarded-for X-Forwarded-For x_forwarded_for xForwardedFor forwarded_for "
        "forwardedFor cf-connecting-ip CF-Connecting-IP true-client-ip initial_ip "
        "clientip userip remoteip sourceip realip remoteaddr remoteaddress clientaddress forwardedfor xforwardedfor"
    ).split()
    for key in (name, f"${name}")
)
"""What a client's address is called."""
_names: Final = "|".join(re.escape(key) for key in sorted(ADDRESS_KEYS)).encode()
# Text of a value behind one of those keys. Only used on text without a backslash, where a quote always ends a string.
_address_in_text = re.compile(rb'("(?:' + _names + rb')"\s*:\s*")([^"]*)"')
_address_key = re.compile(rb'"(?:' + _names + rb')"\s*:')
_ADDRESS: Final = 2**24  # more than any event has keys
_LF, _CR, _BRACKET, _BRACE = b"\n\r[{"  # numbers: looking for a byte takes 0.01 µs so, and 0.14 as bytes
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_NOTHING: Final = (b"", b"{}", b"null")


def check_object(raw: msgspec.Raw, field: str) -> tuple[msgspec.Raw, dict[str, Any]]:
    """The text to store, on one line, and what it says. Null and nothing are the empty object.

    The text is the client's, byte for byte, but for line breaks between tokens and IP addresses, which are cut.

    Raises:
        InvalidInput: ``invalid_<field>``, ``number_out_of_range``, ``invalid_utf8``, ``too_deep``, ``key_too_long`` or
            ``string_too_long``.
    """
    text = bytes(raw)  # 0.09 µs; decoding a small object is 0.23 (tests/bench/ingest_cost.py)
    if len(text) < 5 and text in _NOTHING:
        return NO_PROPERTIES, {}
    try:
        found = _decode(text)
    except (ValueError, RecursionError) as error:
        raise refusal_of(error, field) from error
    if len(text) > MAX_KEY or _BRACKET in text or _BRACE in text[1:]:
        # Of a key that comes twice what was decoded knows the last one alone, and the text is stored with both.
        keys = _inspect(found, field, MAX_DEPTH)
        has_address = keys >= _ADDRESS or (text.count(b'":') != keys and _address_key.search(text) is not None)
    else:  # flat and small: nothing can be too deep or too long
        has_address = not ADDRESS_KEYS.isdisjoint(found)
    if not has_address and is_on_one_line(text):
        return raw, found
    if has_address:
        text = _cut_in_text(text, found)
    return msgspec.Raw(msgspec.json.format(text, indent=-1)), found


def is_on_one_line(text: bytes) -> bool:
    """Whether there is no line break in a text."""
    return _LF not in text and _CR not in text


def text_at(said: Mapping[str, Any], key: str) -> str:
    """The text of a key, empty when it is none; cut to 8,192 characters, the longest that the event's own fields may have."""
    value = said.get(key)
    return value[:8192] if isinstance(value, str) else ""


def refusal_of(error: Exception, field: str) -> InvalidInput:
    """Why decoding failed, as one of our codes.

    Args:
        error: what the decoder raised: a ValueError (msgspec's own and UnicodeDecodeError are) or RecursionError.
        field: names the part of the request that was decoded.
    """
    text = str(error)
    if isinstance(error, RecursionError):
        return InvalidInput(f"{field} is nested too deeply: {MAX_DEPTH} levels are the most", code="too_deep")
    if isinstance(error, UnicodeDecodeError):
        return InvalidInput(f"{field} is not UTF-8", code="invalid_utf8")
    if "out of range" in text:
        return InvalidInput(f"{field} holds a number that no 64-bit float can hold", code="number_out_of_range")
    if "of length <=" in text:
        return InvalidInput(f"a text is too long: {_sentence(text)}", code="string_too_long")
    if isinstance(error, msgspec.ValidationError):
        return InvalidInput(f"{field} is not as documented: {_sentence(text)}", code=f"invalid_{field}")
    return InvalidInput(f"{field} is not valid JSON: {text}", code="invalid_json")


def _sentence(text: str) -> str:
    return text.replace("`", "").replace(" - at $.", " at ")


def _inspect(value: Any, field: str, levels: int) -> int:
    """Check depth and lengths; how many keys there are, and :data:`_ADDRESS` more for each object that names an address."""
    if levels == 0:
        raise InvalidInput(f"{field} is nested too deeply: {MAX_DEPTH} levels are the most", code="too_deep")
    keys = 0
    if isinstance(value, dict):
        for key in value:
            if len(key) > MAX_KEY:
                raise InvalidInput(f"a key in {field} has more than {MAX_KEY} characters", code="key_too_long")
        keys = len(value) if ADDRESS_KEYS.isdisjoint(value) else len(value) + _ADDRESS
        value = value.values()
    for item in value:
        kind = item.__class__
        if kind is str:
            if len(item) > MAX_STRING:
                raise InvalidInput(f"a text in {field} has more than {MAX_STRING} characters", code="string_too_long")
        elif kind is dict or kind is list:
            keys += _inspect(item, field, levels - 1)
    return keys


def _cut_in_text(text: bytes, found: dict[str, Any]) -> bytes:
    # Keys and addresses may be written with escapes, and addresses stand in a list: what they say decides, so the text is made
    # anew.
    if b"\\" in text or len(_address_key.findall(text)) != len(_address_in_text.findall(text)):
        return json.dumps(_cut_in_value(found), ensure_ascii=False, separators=(",", ":")).encode()
    return _address_in_text.sub(lambda match: match[1] + cut_addresses(match[2].decode()).encode() + b'"', text)


def _cut_in_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut_in_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _cut_behind_key(item) if key in ADDRESS_KEYS else _cut_in_value(item) for key, item in value.items()}
    return value


def _cut_behind_key(value: Any) -> Any:
    """What is named for an address, or for several."""
    if isinstance(value, str):
        return cut_addresses(value)
    if isinstance(value, list):
        return [_cut_behind_key(item) for item in value]
    return _cut_in_value(value)
