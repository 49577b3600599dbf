"""Whether a value is one of its placeholder's type. The engine's ``CAST`` takes what does not fit for something else: 300 as a
``UInt8`` is 44 there, the 13th month is 1970, and a fifth day of a sixth week a day of the next month."""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_DEEPEST: Final = 4
_TYPE: Final = re.compile(r"([A-Za-z]\w*(?: [A-Za-z]+)?)(?:\((.*)\))?", re.DOTALL)
_WRAPPERS: Final = frozenset({"nullable", "lowcardinality"})
_ALIASES: Final[Mapping[str, str]] = {
    "tinyint": "int8",
    "smallint": "int16",
    "int": "int32",
    "integer": "int32",
    "bigint": "int64",
    "tinyint unsigned": "uint8",
    "smallint unsigned": "uint16",
    "int unsigned": "uint32",
    "integer unsigned": "uint32",
    "bigint unsigned": "uint64",
    "float": "float32",
    "real": "float32",
    "double": "float64",
    "double precision": "float64",
    "boolean": "bool",
    "timestamp": "datetime",
    "datetime32": "datetime",
    "dec": "decimal",
    "numeric": "decimal",
}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,80}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,5})?")
_NO_NUMBER: Final = frozenset({"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
_TRUE_OR_FALSE: Final = frozenset(
    "true false t f yes no y n on off enable disable enabled disabled 1 0".split(),
)
_NAMES: Final = re.compile(r"\s*'((?:[^'\\]|'')*)'\s*(?:=\s*([+-]?[0-9]{1,5})\s*)?(?:,|\Z)")
"""Of an enumeration: one of its names, with its number."""
_UUID: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOMENT: Final = re.compile(
    r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})"
    r"(?:[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)? ?(?:(Z)|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)
_DAY: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_SECONDS: Final = re.compile(r"-?[0-9]{9,10}(?:\.[0-9]{1,9})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = {"date": (date(1970, 1, 1), date(2149, 6, 6)), "date32": (date(1900, 1, 1), date(2299, 12, 31))}
_MOMENTS: Final = {"datetime": (0, 2**32 - 1), "datetime64": (-2_208_988_800, 10_413_791_999)}
_PRECISIONS: Final = {"decimal32": 9, "decimal64": 18, "decimal128": 38, "decimal256": 76}
_FLOATS: Final = {"float32": 3.4028234663852886e38, "float64": math.inf}


class Unfit(Exception):
    """A value is none of the type. Its text says what would be."""


def fitted(value: Any, kind: str, depth: int = 0) -> Any:
    """The value as it is given to the engine for a type (``UInt8``, ``Nullable(Date)``, ``Array(DateTime64(3))``).

    Whole numbers, floats, decimals, booleans, dates, times, UUIDs, enumerations and arrays of these are looked at; of other
    types the engine refuses what does not fit by itself. Null is left to it, too.

    Raises:
        Unfit: it would become another value.
    """
    found = _TYPE.fullmatch(kind.strip())
    if value is None or found is None or depth > _DEEPEST:
        return value
    name, inside = found[1].lower(), (found[2] or "").strip()
    name = _ALIASES.get(name, name)
    if name in _WRAPPERS:
        return fitted(value, inside, depth + 1)
    if name == "array":
        return _array(value, inside, depth)
    if whole := re.fullmatch(r"(u?)int(8|16|32|64|128|256)", name):
        return _whole(value, int(whole[2]), is_signed=not whole[1])
    if name == "decimal" or name in _PRECISIONS:
        return _decimal(value, name, inside)
    if name in ("enum", "enum8", "enum16"):
        return _named(value, inside)
    check = _CHECKS.get(name)
    if check is not None and not check(value, name):
        raise Unfit(_ALLOWED[name])
    return value


def _array(value: Any, inside: str, depth: int) -> Any:
    if isinstance(value, str):  # as the engine writes arrays, or as JSON does
        try:
            value = json.loads(value if '"' in value or "\\" in value else value.replace("'", '"'))
        except (ValueError, RecursionError):
            raise Unfit("a list") from None
    if not isinstance(value, list | tuple):
        raise Unfit("a list")
    return [fitted(each, inside, depth + 1) for each in value]


def _whole(value: Any, bits: int, *, is_signed: bool) -> Any:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    is_whole = _WHOLE.fullmatch(value) if isinstance(value, str) else isinstance(value, int | float) and value == value // 1
    number = int(value) if is_whole else None
    if number is None or not least <= number <= most:
        raise Unfit(f"a whole number from {least} to {most}")
    return number if -(2**63) <= number < 2**64 else str(number)


def _decimal(value: Any, name: str, inside: str) -> Any:
    parts = [part.strip() for part in inside.split(",") if part.strip().isdecimal()]
    if name == "decimal":
        digits, scale = int(parts[0]) if parts else 10, int(parts[1]) if len(parts) > 1 else 0
    else:
        digits, scale = _PRECISIONS[name], int(parts[0]) if parts else 0
    try:
        number = Decimal(str(value)) if _NUMBER.fullmatch(str(value)) and not isinstance(value, bool) else None
    except (InvalidOperation, ValueError):  # a whole number of thousands of digits has no text
        number = None
    if number is None or (number and (number.adjusted() >= digits - scale or _places(number) > scale)):
        raise Unfit(f"a number of {digits - scale} digits before the point and {scale} behind it")
    return value


def _named(value: Any, inside: str) -> Any:
    """A name of the enumeration, or its number."""
    found = list(_NAMES.finditer(inside))
    if "".join(one[0] for one in found) != inside:  # written with escapes: the engine looks at it
        return value
    numbers, last = {}, 0
    for one in found:
        last = int(one[2]) if one[2] else last + 1
        numbers[one[1].replace("''", "'")] = last
    fits = value in numbers if isinstance(value, str) else type(value) is int and value in numbers.values()
    if not fits:
        names = ", ".join(list(numbers)[:10])
        raise Unfit(f"one of {names}{', …' if len(numbers) > 10 else ''}")
    return value


def _places(number: Decimal) -> int:
    """How many digits it has behind the point, but for noughts at the end."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), "only texts of digits come here"
    noughts = next((at for at, digit in enumerate(reversed(digits)) if digit), 0)
    return -(exponent + noughts)


def _is_float(value: Any, name: str) -> bool:
    if isinstance(value, str):
        if value.lower() in _NO_NUMBER:
            return True
        if not _NUMBER.fullmatch(value):
            return False
        value = float(value)
    if isinstance(value, int):
        return abs(value) < 2**64
    return isinstance(value, float) and math.isfinite(value) and abs(value) <= _FLOATS[name]


def _is_bool(value: Any, _: str) -> bool:
    return value in (0, 1) if isinstance(value, int) else isinstance(value, str) and value.lower() in _TRUE_OR_FALSE


def _is_uuid(value: Any, _: str) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _is_day(value: Any, name: str) -> bool:
    first, last = _DAYS[name]
    if isinstance(value, int) and not isinstance(value, bool):  # days since 1970
        return (first - date(1970, 1, 1)).days <= value <= (last - date(1970, 1, 1)).days
    if not isinstance(value, str):
        return False
    try:
        if plain := _DAY.fullmatch(value):
            return first <= date(int(plain[1]), int(plain[2]), int(plain[3])) <= last
        moment = _moment(value)
    except (ValueError, OverflowError):
        return False
    return moment is not None and first <= moment.date() <= last


def _is_moment(value: Any, name: str) -> bool:
    first, last = _MOMENTS[name]
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):  # seconds since 1970
        return first <= value < last + 1
    try:
        moment = _moment(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return False
    return moment is not None and first <= (moment - _EPOCH).total_seconds() < last + 1


def _moment(text: str) -> datetime | None:
    """A date with or without a time as the engine reads it; None where it is written otherwise.

    Raises:
        ValueError: there is no such time.
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, _, month, day, hour, minute, second, _, sign, hours, minutes = found.groups("0")
    ahead = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=timezone(ahead))


_CHECKS: Final[Mapping[str, Callable[[Any, str], bool]]] = {
    "float32": _is_float,
    "float64": _is_float,
    "bool": _is_bool,
    "uuid": _is_uuid,
    "date": _is_day,
    "date32": _is_day,
    "datetime": _is_moment,
    "datetime64": _is_moment,
}
_ALLOWED: Final[Mapping[str, str]] = {
    "float32": "a number that 32 bits hold",
    "float64": "a number that 64 bits hold",
    "bool": "true or false",
    "uuid": "a UUID",
    "date": "a day from 1970-01-01 to 2149-06-06, written like that",
    "date32": "a day from 1900-01-01 to 2299-12-31, written like that",
    "datetime": "a time from 1970 to 2106, like 2026-02-16 12:00:00, or seconds since 1970",
    "datetime64": "a time from 1900 to 2299, like 2026-02-16 12:00:00.123, or seconds since 1970",
}
