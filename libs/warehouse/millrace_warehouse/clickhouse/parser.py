"""The engine's parser, on a connection that sees nobody's rows."""

import re
from typing import Final

from millrace_core.errors import QueryError
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.clickhouse.failures import EngineFailure, own_error
from millrace_warehouse.clickhouse.standing import StandingConnection
from millrace_warehouse.gate.gate import Unreadable

_NO_JSON_FORM: Final = frozenset({36, 48, 344})
_POSITION: Final = re.compile(r"failed at position (\d+)")


class ClickHouseParser:
    """Parser of the gate. The text is a bound value: the engine reads it as a text, never as a statement."""

    def __init__(self, engine: Engine) -> None:
        self._connection = StandingConnection(engine.nobody)

    async def parse(self, sql: str) -> str:
        """See Parser."""
        try:
            return await self._ask("SELECT parseQueryToJSON({text:String})", sql)
        except EngineFailure as failure:
            if failure.code == 0:
                raise own_error(failure) from failure
            if failure.code in _NO_JSON_FORM:
                raise QueryError("Only a single SELECT is allowed.", code="sql_not_allowed") from failure
            raise Unreadable(_place(failure.text)) from failure

    async def print(self, tree: str) -> str:
        """See Parser."""
        try:
            return await self._ask("SELECT formatQueryFromJSON({text:String})", tree)
        except EngineFailure as failure:
            if failure.code == 0:
                raise own_error(failure) from failure
            raise QueryError("This statement is refused: the engine cannot print it.", code="sql_not_allowed") from failure

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _ask(self, sql: str, text: str) -> str:
        connection = await self._connection.get()
        return await connection.text(sql, {"text": text})


def _place(text: str) -> int | None:
    """Where the parser stopped, from its message: a byte, from 0. What it quotes there is the client's own text."""
    found = _POSITION.search(text)
    return int(found[1]) - 1 if found else None
