"""An event of somebody who does not want to be followed: what happened and where, and nothing of who it was."""

import re
from typing import Any, Final

import msgspec

from millrace_ingestion.objects import ADDRESS_KEYS, MAX_DEPTH
from millrace_ingestion.privacy.rules import encode, with_parameters
from millrace_ingestion.protocols.native import NOT_SENT, NativeEvent
from millrace_ingestion.protocols.reading import DECODING_ERRORS

ABOUT_PEOPLE: Final = frozenset(
    {"identify", "alias", "group", "merge", "$set", "$set_once", "$unset", "$identify", "$create_alias", "$groupidentify"}
)
"""Events that say nothing but who somebody is: of them nothing is left."""

_CONTEXT: Final = ("page", "campaign", "library", "locale")
"""What is kept of a context; browser and device are read from the request's own header."""
# How SDKs name who somebody is, in lower case and without the signs between words.
_NAMES: Final = frozenset(
    "distinctid anondistinctid anonid anonymousid identifiedid userid visitorid deviceid sessionid windowid clientid insertid "
    "externalid personid profileid previousid alias email emailaddress phone phonenumber firstname lastname fullname "
    "username address birthday traits set setonce unset groups groupid useragent rawuseragent initialpersoninfo "
    "fbp fbc gclid fbclid advertisingid idfa idfv".split()
)
_ADDRESSES: Final = frozenset(key.lower() for key in ADDRESS_KEYS)
_signs = re.compile(r"[^a-z0-9]")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def anonymous(event: NativeEvent) -> NativeEvent:
    """The event without ids of visitor, user and session, and without what names people in its objects and addresses. Of an
    address' parameters only the campaign's are kept."""
    return msgspec.structs.replace(
        event,
        visitor_id=None,
        user_id=None,
        session_id=None,
        page_url=_address(event.page_url or ""),
        referrer=_address(event.referrer or ""),
        properties=_object(event.properties),
        context=_context(event.context),
    )


def _object(raw: msgspec.Raw) -> msgspec.Raw:
    text = bytes(raw)
    if text in (b"", b"{}", b"null"):
        return raw
    try:
        return msgspec.Raw(encode(_kept(_decode(text), MAX_DEPTH)))
    except DECODING_ERRORS:
        return raw  # acceptance refuses it


def _context(raw: msgspec.Raw) -> msgspec.Raw:
    text = bytes(raw)
    if text in (b"", b"{}", b"null"):
        return raw
    try:
        said = _decode(text)
        kept = {name: _kept(said[name], MAX_DEPTH) for name in _CONTEXT if name in said}
        # The library's name is no person's.
        if "library" in kept:
            kept["library"] = said["library"]
        return msgspec.Raw(encode(kept)) if kept else NOT_SENT
    except DECODING_ERRORS:
        return raw


def _kept(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return _address(value) if "://" in value else value
    if levels == 0:
        return value  # acceptance refuses what is nested deeper
    if isinstance(value, list):
        return [_kept(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {key: _kept(item, levels - 1) for key, item in value.items() if not _names_somebody(key)}
    return value


def _names_somebody(key: str) -> bool:
    lower = key.lower()
    return lower in _ADDRESSES or _signs.sub("", lower) in _NAMES


def _address(text: str) -> str:
    """With the campaign's parameters alone, and without a user name, a fragment, and what is hidden in it."""
    if not text:
        return text
    bare = re.sub(r"(://)[^/@?#\s]*@", r"\1", text.partition("#")[0])
    return with_parameters(bare, lambda name, value: value if name.lower().startswith("utm_") else None)
