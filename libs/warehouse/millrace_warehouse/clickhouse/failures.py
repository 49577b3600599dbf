"""What the engine's error codes mean to us. The engine's words stay inside this package: they can quote stored values."""

from typing import Final

from clickhouse_connect.driver.exceptions import Error as DriverError

from millrace_core.errors import MillraceError, QueryError, RowsRefused, WarehouseUnavailable


class EngineFailure(Exception):
    """The engine refused or failed a call. Never leaves this package: it becomes a leaf of our tree first.

    Args:
        code: of ClickHouse's ``ErrorCodes``; 0 when the driver failed before the engine could.
        text: the engine's own words, for the log and for the gate's cleaned messages; may hold values of any tenant.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"engine error {code}: {text}")
        self.code = code
        self.text = text


def failure_of(error: Exception) -> EngineFailure:
    """The failure that the driver reports, or that the disk or the network reported on the way to the engine."""
    code = error.code if isinstance(error, DriverError) else None
    return EngineFailure(code or 0, str(error))


# Of an insert: the rows themselves are at fault. Everything else is trouble of the engine and is tried again: a wrong guess
# costs a retry there, but an event here. 252 is not in it: the limit of partitions in one block is lifted for inserts.
DATA_CODES: Final = {
    6: "text that does not parse as the column's type",
    25: "an escape sequence that cannot be read",
    26: "a string that cannot be read",
    27: "text that does not parse as the column's type",
    32: "a row that ends too early",
    33: "a row that ends too early",
    38: "a date that cannot be read",
    41: "a time that cannot be read",
    53: "a value of the wrong type",
    69: "a number out of range",
    70: "a value that cannot become the column's type",
    72: "a number that cannot be read",
    117: "JSON that cannot be read",
    130: "an array that cannot be read",
    131: "a string that is too long",
    306: "JSON that is nested too deeply",
    349: "null where a value is needed",
    376: "an id that is no UUID",
    467: "a value that is neither true nor false",
    469: "a value that the table's rules forbid",
}

# Of a read: limits that the statement ran into. The text is fixed, as the engine's can hold counts of neighbours' rows.
LIMIT_CODES: Final = {
    158: "the query reads more rows than allowed",
    159: "the query took longer than allowed",
    160: "the query would take longer than allowed",
    241: "the query needs more memory than allowed",
    307: "the query reads more bytes than allowed",
    396: "the result is larger than allowed",
}

# The engine, not the statement: files, memory of the process, threads, shutdown.
_ENGINE_CODES: Final = frozenset({0, 74, 75, 76, 202, 236, 242, 243, 252, 394, 439, 1000, 1001, 1002})


def insert_error(failure: EngineFailure) -> RowsRefused | WarehouseUnavailable:
    """What a failed insert or probe means."""
    reason = DATA_CODES.get(failure.code)
    if reason is not None:
        return RowsRefused(f"a row holds {reason} (engine code {failure.code})")
    return WarehouseUnavailable(f"the warehouse cannot store now (engine code {failure.code})")


def read_error(failure: EngineFailure) -> MillraceError:
    """What a failed read of a statement with limits means: the fallback of the gate's own, kinder messages."""
    if failure.code in _ENGINE_CODES or (failure.code == 241 and "(total)" in failure.text):
        return WarehouseUnavailable("the warehouse cannot answer now")
    limit = LIMIT_CODES.get(failure.code)
    if limit is not None:
        return QueryError(limit, code="query_limit_exceeded")
    return QueryError("the engine refuses this statement")


def own_error(failure: EngineFailure) -> WarehouseUnavailable:
    """What a failure of one of our own statements means: the statement is right, so the engine is in trouble."""
    return WarehouseUnavailable(f"the warehouse cannot answer now (engine code {failure.code})")
