"""The two files that chDB reads at its start: its own limits, and barrier B, the row policies.

The users must stand in a file of their own: in one file with the rest, the engine accepts them without an error and applies
none of them.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from millrace_warehouse.migrations.tables import DATABASE, Table

# For every connection, ours and the tenants'; on an insert alone some of them would break later mutations (DATA).
PROFILE: Final[Mapping[str, int | str]] = {
    "allow_introspection_functions": 0,
    "implicit_select": 0,  # else the text of a bare function call is a statement
    "async_insert": 0,  # the consumer batches; returning must mean stored
    "type_json_skip_duplicated_paths": 1,
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "use_query_cache": 0,
    "session_timezone": "UTC",  # else `today()` and `now()` are those of the machine
}

_GRANTS: Final = (
    f"GRANT SELECT, INSERT, ALTER, CREATE, DROP, OPTIMIZE, TRUNCATE, SHOW ON {DATABASE}.*",
    "GRANT SELECT, SHOW ON system.*",
    "GRANT TABLE ENGINE ON *",
)


def write_configuration(
    folder: Path, tables: Iterable[Table], marker: str, server: Mapping[str, float | str], merge_tree: Mapping[str, int]
) -> Path:
    """Write both files, readable by this user only; the path of the one that the engine is pointed at.

    Args:
        folder: where; replaced if they are there.
        tables: every table and view of the database, with who may read it.
        marker: the ``log_comment`` of our own connections; whoever knows it reads every tenant.
        server: settings of the server (threads, caches).
        merge_tree: settings of every table.
    """
    users = folder / "users.xml"
    config = folder / "config.xml"
    _write(users, _users(tables, marker))
    _write(
        config,
        "<clickhouse>\n"
        f"<users_config>{escape(str(users))}</users_config>\n"
        f"{_elements(server)}<merge_tree>\n{_elements(merge_tree)}</merge_tree>\n</clickhouse>\n",
    )
    return config


def _users(tables: Iterable[Table], marker: str) -> str:
    ours = f"getSetting('log_comment') = '{marker}'"
    filters = "".join(
        f"<{table.name}><filter>{ours}{' OR ' + table.tenant_filter if table.tenant_filter else ''}</filter></{table.name}>\n"
        for table in tables
    )
    grants = "".join(f"<query>{grant}</query>\n" for grant in _GRANTS)
    return (
        f"<clickhouse>\n<profiles><default>\n{_elements(PROFILE)}</default></profiles>\n"
        "<users><default>\n<password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>\n"
        f"<grants>\n{grants}</grants>\n<databases><{DATABASE}>\n{filters}</{DATABASE}></databases>\n"
        "</default></users>\n<quotas><default/></quotas>\n</clickhouse>\n"
    )


def _elements(settings: Mapping[str, float | str]) -> str:
    return "".join(f"<{name}>{value}</{name}>\n" for name, value in settings.items())


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
