"""Values of placeholders: what fits a type is given on, what would silently become something else is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from millrace_warehouse.gate.typed_values import Unfit, fitted


@given(bits=some.sampled_from([8, 16, 32, 64, 128, 256]), signed=some.booleans(), number=some.integers(-(2**257), 2**257))
def test_a_whole_number_fits_where_its_bits_hold_it(bits: int, signed: bool, number: int) -> None:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    kind = f"{'' if signed else 'U'}Int{bits}"
    for value in (number, str(number)):
        if least <= number <= most:
            assert int(fitted(value, kind)) == number
        else:
            with pytest.raises(Unfit, match=f"from {least} to {most}"):
                fitted(value, kind)


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        ("UInt8", "+7", 7),
        ("UInt8", 7.0, 7),
        ("UInt8", True, 1),
        ("Nullable(UInt8)", None, None),
        ("UInt8", None, None),
        ("LowCardinality(Nullable(Int32))", "-5", -5),
        ("int unsigned", "7", 7),
        ("Float64", "1e3", "1e3"),
        ("Float64", "-inf", "-inf"),
        ("Float32", 2**64 - 1, 2**64 - 1),
        ("Bool", "yes", "yes"),
        ("Bool", 0, 0),
        ("Date", "2024-02-29", "2024-02-29"),
        ("Date", "20260102", "20260102"),
        ("Date", "2026/1/2", "2026/1/2"),
        ("Date", "2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("Date", 65535, 65535),
        ("Date32", "2299-12-31", "2299-12-31"),
        ("DateTime", "2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05+02:00"),
        ("DateTime('Europe/Vienna')", "2026-01-02 03:04", "2026-01-02 03:04"),
        ("DateTime", "1771243200", "1771243200"),
        ("DateTime", 2**32 - 1, 2**32 - 1),
        ("DateTime64(3, 'UTC')", "1950-01-02T03:04:05.123Z", "1950-01-02T03:04:05.123Z"),
        ("DateTime64(3)", 1771243200.5, 1771243200.5),
        ("Enum8('a' = 1, 'it''s' = -2)", "it's", "it's"),
        ("Enum('a', 'b')", 2, 2),
        ("Nullable(Enum16('a' = 1))", None, None),
        ("Enum8('a\\'b' = 1)", "c", "c"),  # has an escape: the engine's to say
        ("UUID", "0190163D-8694-7abc-8000-000000000001", "0190163D-8694-7abc-8000-000000000001"),
        ("UUID", "0190163d86947abc8000000000000001", "0190163d86947abc8000000000000001"),
        ("Decimal(9, 2)", "1234567.10", "1234567.10"),
        ("Decimal(9, 2)", 0.25, 0.25),
        ("Decimal(9, 2)", "0.000", "0.000"),
        ("Decimal32(4)", "12345.1234", "12345.1234"),
        ("Array(UInt8)", ["1", 255], [1, 255]),
        ("Array(UInt8)", "[1, 2]", [1, 2]),
        ("Array(Nullable(Date))", "['2026-01-02', null]", ["2026-01-02", None]),
        ("Array(Array(Int8))", [[1], []], [[1], []]),
        ("String", 5, 5),
        ("IPv4", "not looked at", "not looked at"),
        ("Map(String, UInt8)", "{}", "{}"),
    ],
)
def test_a_value_that_fits_is_taken(kind: str, value: Any, taken: Any) -> None:
    assert fitted(value, kind) == taken


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("UInt8", 300),
        ("UInt8", 1.5),
        ("UInt8", "7.0"),
        ("UInt8", "٣"),
        ("UInt8", ""),
        ("UInt8", [1]),
        ("BIGINT", "9223372036854775808"),
        ("Float64", "1e999"),
        ("Float64", "0x10"),
        ("Float64", 10**4000),
        ("UInt8", float("inf")),
        ("UInt8", float("nan")),
        ("UInt8", 10**4000),
        ("DateTime", 10**4000),
        ("Date", 10**4000),
        ("Decimal(9, 2)", 10**4000),
        ("Float32", 1e300),
        ("Float32", "1e300"),
        ("Bool", 5),
        ("Bool", "perhaps"),
        ("Bool", 1.0),
        ("Date", "2026-13-01"),
        ("Date", "2026-02-30"),
        ("Date", "20260230"),
        ("Date", "2200-01-01"),
        ("Date", "1969-12-31"),
        ("Date", "yesterday"),
        ("Date", -1),
        ("Date", 100_000),
        ("Date", True),
        ("Date32", "2300-01-01"),
        ("DateTime", "2026-01-02 25:04:05"),
        ("DateTime", "2026-02-30 03:04:05"),
        ("DateTime", "2026-01-02 03:04:61"),
        ("DateTime", "2106-02-07 06:28:16"),
        ("DateTime", "1970-01-01T00:00:00+01:00"),
        ("DateTime", "2026-01-02T03:04:05+25:00"),
        ("DateTime", 2**32),
        ("DateTime", "17712432001"),
        ("DateTime", ["2026-01-02"]),
        ("DateTime64(3)", 1_771_243_200_123),
        ("DateTime64(3)", "2026-13-02 01:01:01"),
        ("UUID", "0190163d-8694-7abc-8000-00000000000g"),
        ("UUID", 7),
        ("Enum8('a' = 1, 'b' = 2)", "c"),
        ("Enum8('a' = 1, 'b' = 2)", "1"),
        ("Enum8('a' = 1, 'b' = 2)", 3),
        ("Enum('a', 'b')", True),
        ("Decimal(9, 2)", "1.239"),
        ("Decimal(9, 2)", "12345678"),
        ("Decimal(9, 2)", "1e99999"),
        ("Decimal(9, 2)", "nan"),
        ("Decimal(9, 2)", True),
        ("Array(UInt8)", [1, 300]),
        ("Array(UInt8)", "[300]"),
        ("Array(UInt8)", "[" * 100_000),
        ("Array(UInt8)", 7),
        ("Array(LowCardinality(Nullable(Date)))", ["2026-13-01"]),
    ],
)
def test_a_value_that_would_become_another_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(Unfit):
        fitted(value, kind)
