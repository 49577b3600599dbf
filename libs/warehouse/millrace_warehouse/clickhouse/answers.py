"""What a failed statement is told. The engine's own words can hold versions, paths and names of other tables, so only what is
about the statement itself goes out, cleaned."""

import re
from collections.abc import Mapping
from typing import Final

from millrace_core.errors import MillraceError, QueryError
from millrace_warehouse.clickhouse.failures import EngineFailure, read_error

_FIXED: Final[Mapping[int, tuple[str, str]]] = {
    158: ("query_too_expensive", "The query reads more rows than allowed: narrow its time range."),
    307: ("query_too_expensive", "The query reads more bytes than allowed: narrow its time range."),
    241: ("query_too_expensive", "The query needs more memory than allowed."),
    191: ("query_too_expensive", "The query needs more memory than allowed."),
    159: ("query_timeout", "The query took longer than allowed."),
    160: ("query_timeout", "The query would take longer than allowed."),
    396: ("result_too_large", "The result is larger than allowed: add a LIMIT."),
    167: ("sql_not_allowed", "This statement is refused: it is nested too deeply."),
    168: ("sql_not_allowed", "This statement is refused: it has too many parts."),
    306: ("sql_not_allowed", "This statement is refused: it is nested too deeply."),
    164: ("sql_not_allowed", "This statement is refused: only reading is allowed."),
    497: ("sql_not_allowed", "This statement is refused: only reading is allowed."),
    # Their own text quotes stored values.
    6: ("invalid_sql", "A value cannot be converted to the type that the query asks for."),
    27: ("invalid_sql", "A value cannot be converted to the type that the query asks for."),
    38: ("invalid_sql", "A value is not a date."),
    41: ("invalid_sql", "A value is not a time."),
    70: ("invalid_sql", "A value cannot be converted to the type that the query asks for."),
    72: ("invalid_sql", "A value is not a number."),
    117: ("invalid_sql", "A value cannot be read as what the query asks for."),
    153: ("invalid_sql", "The query divides by zero."),
    427: ("invalid_sql", "A regular expression cannot be read (RE2)."),
    395: ("invalid_sql", "The query refuses its own rows."),
    60: ("unknown_table", "The query names a table that does not exist."),
}
NAMED_CODES: Final[Mapping[int, tuple[str, str]]] = {
    47: ("unknown_column", "The query names a column that does not exist"),
    46: ("unknown_function", "The query calls a function that does not exist"),
    42: ("invalid_sql", "A function is called with the wrong number of arguments"),
    43: ("invalid_sql", "A function is called with an argument of the wrong type"),
    53: ("invalid_sql", "Two types do not fit"),
    62: ("invalid_sql", "The statement cannot be parsed"),
    179: ("duplicate_columns", "Two expressions have the same name"),
    184: ("invalid_sql", "An aggregate function stands where none may"),
    215: ("invalid_sql", "A column is neither grouped by nor aggregated"),
    386: ("invalid_sql", "Two types have nothing in common"),
}
"""What is wrong with a statement whatever rows there are: each names what it is about."""
_NOT_IN_PARQUET: Final = re.compile(
    r"Internal type '(\w{1,40})' of column '([^'\n]{1,80})' is not supported for conversion into Parquet"
)
_ALIAS: Final = re.compile(r" for alias ([A-Za-z_][A-Za-z0-9_.]{0,80})\. In scope ")
_QUOTED: Final = re.compile(r"[`']([A-Za-z_][A-Za-z0-9_.]{0,80})[`']")


def statement_error(failure: EngineFailure) -> MillraceError:
    """The error of a failed statement, safe to show."""
    if (fixed := _FIXED.get(failure.code)) is not None and "(total)" not in failure.text:
        return QueryError(fixed[1], code=fixed[0])
    if (named := NAMED_CODES.get(failure.code)) is not None:
        found = name_in(failure)
        return QueryError(f"{named[1]}{f': {found}' if found else ''}.", code=named[0])
    if (unfit := _NOT_IN_PARQUET.search(failure.text)) is not None:
        kind = "Nothing, as it is always NULL" if unfit[1] == "Nothing" else unfit[1]
        return QueryError(f"Parquet has no form for {unfit[2]} (of the type {kind}): convert it, or ask for another format.")
    return read_error(failure)


def name_in(failure: EngineFailure) -> str | None:
    """The name that a failure is about: the first quoted one is the statement's own; hints about other tables come after it."""
    found = _ALIAS.search(failure.text) or _QUOTED.search(failure.text)
    return found[1] if found else None
