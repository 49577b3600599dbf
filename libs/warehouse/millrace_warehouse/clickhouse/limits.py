"""The engine's settings of a tenant's connection, by what it is used for."""

import math
from collections.abc import Mapping
from typing import Final, Literal

from millrace_warehouse.query_settings import QuerySettings

Use = Literal["own", "asked", "file", "described"]
"""Statements of ours; of people, answered as rows; the same, as a file; only looked at."""

_NICE: Final = 10
"""Of the engine's threads while they answer somebody: behind inserts and the loop, beside merges. Needs CAP_SYS_NICE."""
_HEADROOM: Final = 4
"""What rows take in the engine, and as JSON, differs: beyond so many times the limit of an answer a statement is ended."""

# How values stand in JSON: times as 2026-02-16T12:00:00.000Z, whole numbers as numbers, what is no number as null.
_JSON: Final[Mapping[str, int | str]] = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
    "output_format_json_quote_decimals": 0,
    "output_format_json_validate_utf8": 1,
    "date_time_output_format": "iso",
}


def limits_of(settings: QuerySettings, use: Use) -> dict[str, int | str]:
    """What a statement of this use may take. Of rows that are asked for one more than may be answered comes, to tell that there
    are more."""
    return {
        **_JSON,
        "implicit_select": 0,
        "max_execution_time": math.ceil(settings.query_seconds),
        "max_memory_usage": settings.query_memory_bytes,
        "max_rows_to_read": settings.query_read_rows,
        "max_bytes_to_read": settings.query_read_bytes,
        "result_overflow_mode": "throw",
        "max_query_size": 1_000_000,
        "max_parser_depth": 300,
        "max_ast_depth": 300,
        "max_ast_elements": 5_000,
        "max_expanded_ast_elements": 50_000,
        "allow_hyperscan": 0,
        "function_range_max_elements_in_block": 1_000_000,
        "max_subquery_depth": 30,
        "max_threads": settings.query_threads,
        "os_threads_nice_value_query": _NICE,
        "use_query_cache": 0,
        "allow_ddl": 0,
        **_result_limits(settings, use),
    }


def _result_limits(settings: QuerySettings, use: Use) -> Mapping[str, int | str]:
    match use:
        case "own":
            return {"max_result_rows": settings.query_result_rows, "max_result_bytes": settings.query_result_bytes}
        case "asked":
            return {"limit": settings.query_result_rows + 1, "max_result_bytes": settings.query_result_bytes * _HEADROOM}
        case "file":
            return {"max_result_rows": settings.query_file_rows, "max_result_bytes": settings.query_file_bytes}
        case "described":
            return {"max_execution_time": 1, "max_rows_to_read": 1_000_000}
