"""Fields that a tenant does not want to have, or has hashed only: taken out before anything is derived or stored.

Costs some tens of microseconds an event of a tenant that has such fields, and nothing of others (tests/bench/ingest_cost.py).
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from millrace_core.privacy import IDS, QUERY, Field, field_of, hashed_value
from millrace_ingestion.objects import ADDRESS_KEYS, MAX_DEPTH
from millrace_ingestion.protocols.native import NativeEvent
from millrace_ingestion.protocols.reading import DECODING_ERRORS

_COLUMN_KEYS: Final = {
    "user_id": "user_id userId $user_id".split(),
    "visitor_id": "visitor_id visitorId anonymous_id anonymousId".split(),
    "session_id": "session_id sessionId $session_id".split(),
}
"""Under which keys an object says what an id column does, whatever it says."""
_ID_KEYS: Final = frozenset(
    "distinct_id $distinct_id $device_id $anon_distinct_id $anon_id $identified_id alias previousId".split()
).union(*_COLUMN_KEYS.values())
"""Keys under which SDKs repeat what stands in an id column: in one or the other."""
_DEVICE: Final = "$device:"
"""How Mixpanel's SDKs begin a visitor's ``distinct_id``; the column is without it."""
_ALIASES: Final = frozenset({"alias", "merge"})
"""Events whose visitor is an id that a user had before."""
_parameter = re.compile(r"([?&#;])([^=&#?;\s]+)=([^&#;\s]*)")
_decode = msgspec.json.Decoder(dict[str, Any]).decode

Replace = Callable[[Any], Any]
"""What a value becomes; :data:`GONE` leaves it out."""


class _Hash(str):
    """What was hashed, so that it is not hashed again where two rules name one place."""

    __slots__ = ()


class _Gone:
    """Instead of a value that is left out."""


GONE: Final = _Gone()


def encode(found: Any) -> bytes:
    """As JSON text on one line."""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


class FieldRules:
    """Those of one tenant.

    Args:
        denied: fields as ``field_of`` reads them; one that is also in ``hashed`` is denied.
        hashed: likewise.
        secret: key of the hashes, in hexadecimal.
    """

    def __init__(self, denied: Sequence[str], hashed: Sequence[str], secret: str) -> None:
        self._secret = secret
        self._columns: dict[str, Replace] = {}
        self._query: dict[str, Replace] = {}
        self._named: dict[str, Replace] = {}
        self._paths: dict[str, list[tuple[tuple[str, ...], Replace]]] = {"properties": [], "context": []}
        for names, replace in ((hashed, self.hashed), (denied, _nothing)):
            for name in names:
                self._add(field_of(name), replace)
        self.without_address = "ip" in self._columns

    def applied(self, event: NativeEvent) -> NativeEvent:
        """The event as this tenant wants it; an object that cannot be read stays as it is, for acceptance to refuse."""
        ids = {name: getattr(event, name) for name in IDS}
        replaces = {name: self._columns[name] for name in IDS if name in self._columns}
        if "user_id" in replaces and event.event_type in _ALIASES:
            replaces.setdefault("visitor_id", replaces["user_id"])
        known = {str(ids[name]): replace for name, replace in replaces.items() if ids[name] not in (None, "")}
        changed: dict[str, Any] = {name: _value(replace(ids[name]), None) for name, replace in replaces.items()}
        for name in ("page_url", "referrer"):
            changed[name] = "" if name in self._columns else self._address(getattr(event, name))
        for name, paths in self._paths.items():
            if paths or known or self._named or self._query or self.without_address:
                changed[name] = self._object(getattr(event, name), paths, known)
        return msgspec.structs.replace(event, **changed)

    def hashed(self, value: Any) -> Any:
        """HMAC-SHA256 of a value as text, in hexadecimal; what is not JSON text already is hashed as its JSON text."""
        if value is None or value == "" or isinstance(value, _Hash):
            return value
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return _Hash(hashed_value(self._secret, text))

    def _add(self, field: Field, replace: Replace) -> None:
        if field.head == QUERY:
            self._query[field.path[0]] = replace
        elif field.path:
            self._paths[field.head].append((field.path, replace))
        else:
            self._columns[field.head] = replace
            self._named |= dict.fromkeys(_COLUMN_KEYS.get(field.head, ()), replace)

    def _object(
        self, raw: msgspec.Raw, paths: Sequence[tuple[tuple[str, ...], Replace]], known: dict[str, Replace]
    ) -> msgspec.Raw:
        """Always made anew of what it says: of a key that comes twice the text would keep the first one."""
        text = bytes(raw)
        if text in (b"", b"{}", b"null"):
            return raw
        try:
            found: Any = _decode(text)
            for path, replace in paths:
                replace_at(found, path, replace)
            if known or self._named:
                self._replace_ids(found, known, MAX_DEPTH)
            if self._query or self.without_address:
                found = self._walked(found, MAX_DEPTH)
            return msgspec.Raw(encode(found))
        except DECODING_ERRORS:
            return raw

    def _replace_ids(self, value: Any, known: dict[str, Replace], levels: int) -> None:
        """What stands under the names of id columns, and these very ids under others that SDKs have for them."""
        if levels == 0:
            return  # acceptance refuses what is nested deeper
        if isinstance(value, list):
            for item in value:
                self._replace_ids(item, known, levels - 1)
            return
        for key, item in list(value.items()) if isinstance(value, dict) else ():
            name = key if "." not in key else key.rpartition(".")[2]  # a pixel's: traits.userId
            if name in _ID_KEYS:
                if (replace := self._named.get(name)) is not None:
                    _set(value, key, replace(item))
                elif isinstance(item, str | int | float):
                    said = str(item)
                    said = said if said in known else said.removeprefix(_DEVICE)
                    if (replace := known.get(said)) is not None:
                        _set(value, key, replace(said))
            elif isinstance(item, dict | list):
                self._replace_ids(item, known, levels - 1)

    def _walked(self, value: Any, levels: int) -> Any:
        """With parameters taken out of every address, and without what is named for the client's."""
        if isinstance(value, str):
            return self._address(value)
        if levels == 0:
            return value  # acceptance refuses what is nested deeper
        if isinstance(value, list):
            return [self._walked(item, levels - 1) for item in value]
        if isinstance(value, dict):
            return {
                key: self._walked(item, levels - 1)
                for key, item in value.items()
                if not (self.without_address and key in ADDRESS_KEYS)
            }
        return value

    def _address(self, text: str | None) -> str | None:
        """An address, or any text that holds one, with its parameters replaced."""
        if not text or not self._query or "=" not in text:
            return text
        return with_parameters(text, self._parameter)

    def _parameter(self, name: str, value: str) -> str | None:
        replace = self._query.get(name.lower())
        if replace is None:
            return value
        new = replace(unquote_plus(value))
        return None if new is GONE else new


def with_parameters(text: str, replace: Callable[[str, str], str | None]) -> str:
    """A text in which each parameter of an address has the value that ``replace`` gives it; None takes it out."""

    def one(match: re.Match[str]) -> str:
        separator, name, value = match.groups()
        new = replace(unquote_plus(name), value)
        if new is None:
            return separator if separator in "?#" else ""
        return f"{separator}{name}={new}"

    made = _parameter.sub(one, text)
    if made == text:
        return text
    return re.sub(r"\?(?=#|\s|\Z)", "", re.sub(r"([?#])[&;]", r"\1", made)).rstrip("#")


def replace_at(value: Any, path: Sequence[str], replace: Replace) -> None:
    """Replace what stands at a path, in every element of the lists on it. A key may have dots itself: they are read both ways,
    as the table's own column ``props`` does."""
    if isinstance(value, list):
        for item in value:
            replace_at(item, path, replace)
        return
    if not isinstance(value, dict):
        return
    for length in range(1, len(path) + 1):
        key = path[0] if length == 1 else ".".join(path[:length])
        if key not in value:
            continue
        if length < len(path):
            replace_at(value[key], path[length:], replace)
        else:
            _set(value, key, replace(value[key]))


def _set(found: dict[str, Any], key: str, new: Any) -> None:
    if new is GONE:
        del found[key]
    else:
        found[key] = new


def _nothing(_: Any) -> _Gone:
    return GONE


def _value(new: Any, otherwise: Any) -> Any:
    if isinstance(new, _Hash):
        return str(new)
    return otherwise if new is GONE else new
