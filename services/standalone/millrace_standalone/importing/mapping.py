"""From a row of a file to an event as ``POST /track`` takes it."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from millrace_core.errors import InvalidInput
from millrace_core.ids import derived_id
from millrace_standalone.importing.source import Row

FIELDS: Final = (
    "customer_id",
    "event_type",
    "event_name",
    "visitor_id",
    "user_id",
    "session_id",
    "page_url",
    "referrer",
    "event_id",
    "timestamp",
    "sent_at",
)
_OBJECTS: Final = ("properties", "context")
# A number as JSON writes it, short enough to come back as it was; 007 and +49 are text.
_is_number = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?\Z").match
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Mapper:
    """Makes events of rows.

    Args:
        identity: of the file; part of the id of each row that has none.
        header: names of a CSV file's columns.
        customer: the tenant of every row; None where the rows say it.
        renamed: fields by the column that holds them, where that has another name.
    """

    def __init__(self, identity: str, header: Sequence[str], customer: str | None, renamed: Mapping[str, str]) -> None:
        self._identity = identity
        self._names = [renamed.get(name, name) for name in header]
        self._customer = customer
        self._renamed = renamed

    def event(self, row: Row) -> bytes:
        """The event's JSON text. Its id is the row's own, else made of the file, the line and what it says, so that it is
        the same whenever the file is imported.

        Raises:
            InvalidInput: the row is no event.
        """
        if row.wrong is not None:
            raise row.wrong
        values = self._cells(row.cells) if row.cells is not None else self._object(row.text)
        event = _sorted_in(values)
        if self._customer is not None:
            event["customer_id"] = self._customer
        if event.get("event_id") in (None, ""):
            tenant = str(event.get("customer_id", ""))
            content = hashlib.blake2b(row.text, digest_size=16).hexdigest()
            event["event_id"] = derived_id(tenant, "import", self._identity, str(row.line), content)
        try:
            return _encode(event)
        except (UnicodeEncodeError, msgspec.MsgspecError) as error:
            raise InvalidInput("the row is no UTF-8", code="invalid_utf8") from error

    def _object(self, text: bytes) -> dict[str, Any]:
        try:
            value = _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput("the line is no JSON", code="invalid_json") from error
        if not isinstance(value, dict):
            raise InvalidInput("the line is no JSON object", code="invalid_json")
        return {self._renamed.get(name, name): each for name, each in value.items()}

    def _cells(self, cells: Sequence[str]) -> dict[str, Any]:
        if len(cells) > len(self._names):
            raise InvalidInput(f"the row has {len(cells)} cells, the header {len(self._names)}", code="too_many_cells")
        values: dict[str, Any] = {}
        for name, cell in zip(self._names, cells, strict=False):
            if not cell:
                continue
            if name in FIELDS:
                values[name] = cell
            elif name in _OBJECTS:
                values[name] = _object_of(name, cell)
            else:
                values[name] = _value_of(cell)
        return values


def _sorted_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event; whatever else there is goes into its properties, ``context.…`` into its context."""
    event: dict[str, Any] = {}
    beside: dict[str, dict[str, Any]] = {name: {} for name in _OBJECTS}
    for name, value in values.items():
        owner, dot, key = name.partition(".")
        if name in FIELDS or name in _OBJECTS:
            event[name] = value
        elif dot and key and owner in _OBJECTS:
            beside[owner][key] = value
        else:
            beside["properties"][name] = value
    for name, more in beside.items():
        if more:
            said = event.get(name)
            event[name] = {**more, **said} if isinstance(said, dict) else more
    return event


def _object_of(name: str, cell: str) -> dict[str, Any]:
    try:
        value = _decode(cell)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} is no JSON object", code=f"invalid_{name}")
    return value


def _value_of(cell: str) -> Any:
    if cell in ("true", "false"):
        return cell == "true"
    if _is_number(cell):
        number = float(cell) if "." in cell else int(cell)
        return number if math.isfinite(number) else cell
    return cell
