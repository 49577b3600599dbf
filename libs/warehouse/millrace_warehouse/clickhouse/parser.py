"""The engine's parser, on a connection that sees nobody's rows."""

import asyncio
import base64
import re
from typing import Final

from millrace_core.errors import QueryError
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.clickhouse.failures import EngineFailure, own_error
from millrace_warehouse.clickhouse.standing import StandingConnection
from millrace_warehouse.gate.gate import Unreadable

_NO_JSON_FORM: Final = frozenset({36, 48, 344})
_POSITION: Final = re.compile(r"failed at position (\d+)")


# The driver escapes a bound text character by character, with the interpreter held: 0.1 ms a thousand of them, so that a
# tree's took as long as printing it. A text over this is bound all the same: in the statement it would come near
# max_query_size (256 KiB of what the parser itself reads).
_LONGEST_INSIDE: Final = 96 * 1024

_CONNECTIONS: Final = 3
"""Texts that are read at once. With one, statements waited for seconds before the gate beside many others."""


class ClickHouseParser:
    """Parser of the gate. The engine reads the text as a text, never as a statement: it comes in base64, whose letters can
    end no literal, or as a bound value."""

    def __init__(self, engine: Engine) -> None:
        self._connections = [StandingConnection(engine.nobody) for _ in range(_CONNECTIONS)]
        self._free = list(self._connections)
        self._turns = asyncio.Semaphore(_CONNECTIONS)

    async def parse(self, sql: str) -> str:
        """See Parser."""
        try:
            return await self._ask("parseQueryToJSON", sql)
        except EngineFailure as failure:
            if failure.code == 0:
                raise own_error(failure) from failure
            if failure.code in _NO_JSON_FORM:
                raise QueryError("Only a single SELECT is allowed.", code="sql_not_allowed") from failure
            raise Unreadable(_place(failure.text)) from failure
        except UnicodeError as error:  # of '\\xff', which the engine puts into the tree as that byte
            raise QueryError("The statement holds a text that is not UTF-8.") from error

    async def print(self, tree: str) -> str:
        """See Parser."""
        try:
            return await self._ask("formatQueryFromJSON", tree)
        except EngineFailure as failure:
            if failure.code == 0:
                raise own_error(failure) from failure
            raise QueryError("This statement is refused: the engine cannot print it.", code="sql_not_allowed") from failure

    async def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            await connection.close()

    async def _ask(self, function: str, text: str) -> str:
        encoded = text.encode()
        async with self._turns:
            standing = self._free.pop()  # the one that was used last: mostly one is enough
            try:
                connection = await standing.get()
                if len(encoded) > _LONGEST_INSIDE:
                    return await connection.text(f"SELECT {function}({{text:String}})", {"text": text})
                return await connection.text(f"SELECT {function}(base64Decode('{base64.b64encode(encoded).decode()}'))")
            finally:
                self._free.append(standing)


def _place(text: str) -> int | None:
    """Where the parser stopped, from its message: a byte, from 0. What it quotes there is the client's own text."""
    found = _POSITION.search(text)
    return int(found[1]) - 1 if found else None
