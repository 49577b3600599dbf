"""Checks a statement and rewrites it to one tenant."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from millrace_core.errors import QueryError
from millrace_warehouse.gate.estimates import estimate_of
from millrace_warehouse.gate.functions import Functions
from millrace_warehouse.gate.nodes import Node
from millrace_warehouse.gate.parameters import Placed, bind, marked, parameters_of, place, without_values
from millrace_warehouse.gate.statements import Statement, calls_of, is_by_chance, is_repeatable, until_of
from millrace_warehouse.gate.tenant_filter import check_tenant_filter
from millrace_warehouse.gate.walk import Readable, Refused, Walk
from millrace_warehouse.statement_ports import Values

_LONGEST_STATEMENT: Final = 100_000


class Unreadable(Exception):
    """The parser stopped.

    Args:
        at: the byte of the text at which it did, from 0; None where it does not say.
    """

    def __init__(self, at: int | None) -> None:
        super().__init__("the statement cannot be parsed")
        self.at = at


class Parser(Protocol):
    """The engine's own parser."""

    async def parse(self, sql: str) -> str:
        """The syntax tree as JSON.

        Raises:
            Unreadable: the text is no statement.
            QueryError: it is no single SELECT.
        """
        ...

    async def print(self, tree: str) -> str:
        """The text of a syntax tree."""
        ...


@dataclass(frozen=True, slots=True)
class Examined:
    """A statement that is looked at.

    Attributes:
        text: as it may be described without being asked: every table is empty.
        counting: a statement whose numbers sum up to the rows that it would read; empty where it reads no table.
        parameters: its placeholders with names, and their types.
    """

    text: str
    tables: tuple[str, ...]
    counting: str
    parameters: Mapping[str, str]


class Gate:
    """Knows what may be called and read."""

    def __init__(self, parser: Parser, functions: Functions, readable: Readable) -> None:
        self.parser = parser
        self.readable = readable
        self._functions = functions

    async def scope(
        self, sql: str, tenant: str, *, require_tenant_filter: bool = False, values: Values | None = None
    ) -> Statement:
        """The statement as it is to be run: the same question, to this tenant's rows only.

        Args:
            values: of its placeholders.

        Raises:
            QueryError: ``invalid_sql``, ``sql_not_allowed``, ``unknown_table``, ``invalid_parameters``; ``detail`` says
                at which place where that is known.
            Forbidden: see :func:`check_tenant_filter`, where the filter is required.
        """
        tree = await self._bound(sql, values)
        if require_tenant_filter:
            check_tenant_filter(tree, tenant)
        calls = calls_of(tree)
        repeatable, by_chance = is_repeatable(calls, self._functions), is_by_chance(calls, self._functions)
        walk = Walk(self._functions, self.readable, tenant)
        self._check(walk, tree, sql)
        untils = [until_of(read) for read in walk.reads]
        until = None if None in untils or not repeatable else max((each for each in untils if each is not None), default=0)
        text = await self.parser.print(_text_of(tree))
        return Statement(text, tuple(sorted(walk.names)), until, by_chance)

    async def examine(
        self, sql: str, tenant: str, *, require_tenant_filter: bool = False, values: Values | None = None
    ) -> Examined:
        """What a statement would do. Raises as :meth:`scope`."""
        tree = await self._parse(sql, place(sql, values))
        parameters = {} if isinstance(values, Sequence) else parameters_of(tree)
        bind(tree, values)
        if require_tenant_filter:
            check_tenant_filter(tree, tenant)
        walk = Walk(self._functions, self.readable, tenant, is_empty=True)
        self._check(walk, tree, sql)
        rows = estimate_of(walk.reads, self.readable.database, tenant)
        text = await self.parser.print(_text_of(tree))
        counting = "" if rows is None else await self.parser.print(_text_of(rows))
        return Examined(text, tuple(sorted(walk.names)), counting, parameters)

    async def parameters(self, sql: str) -> Mapping[str, str]:
        """The placeholders with names that a statement has, and the type of each. Raises QueryError as :meth:`scope`."""
        return parameters_of(await self._parse(sql, Placed(sql, ())))

    def _check(self, walk: Walk, tree: Node, sql: str) -> None:
        try:
            walk.check(tree)
        except Refused as refused:
            refused.detail = place_of_name(sql, refused.name)
            raise

    async def _bound(self, sql: str, values: Values | None) -> Node:
        tree = await self._parse(sql, place(sql, values))
        bind(tree, values)
        return tree

    async def _parse(self, sql: str, placed: Placed) -> Node:
        if len(sql) > _LONGEST_STATEMENT:
            raise Refused(f"the statement is longer than {_LONGEST_STATEMENT} characters")
        if "\0" in sql:
            raise QueryError("The statement holds a NUL character.")
        try:
            tree: Node = json.loads(await self.parser.parse(placed.text.rstrip()), parse_int=_number)
        except Unreadable as error:
            raise await self._of_marks(sql, placed) or _unreadable(sql, placed, error.at) from error
        if tree.get("type") not in ("SelectWithUnionQuery", "SelectIntersectExceptQuery"):
            raise Refused("only SELECT is allowed")
        return tree

    async def _of_marks(self, sql: str, placed: Placed) -> QueryError | None:
        """The error of a statement that cannot be read because its question marks have no values."""
        named = marked(sql)
        if placed.marks or not named.marks:
            return None
        try:
            await self.parser.parse(named.text.rstrip())
        except (Unreadable, QueryError):
            return None
        error = without_values(named)
        error.detail = place_of(sql, named.marks[0][0])
        return error


def _number(digits: str) -> int | float:
    """The engine writes 1e20 as digits, and reads digits as a whole number of 64 bits or not at all."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


def _text_of(tree: Node) -> str:
    return msgspec.json.encode(tree).decode()  # a tenth of what json.dumps takes


def _unreadable(sql: str, placed: Placed, at: int | None) -> QueryError:
    if at is None:
        return QueryError("The statement cannot be parsed.")
    place = place_of(sql, placed.position(len(placed.text.encode()[:at].decode("utf-8", "ignore"))))
    error = QueryError(f"The statement cannot be parsed at line {place['line']}, column {place['column']}.")
    error.detail = place
    return error


def place_of(sql: str, at: int) -> dict[str, int]:
    """A character's place in a text, for people: ``position``, ``line`` and ``column`` count from 1."""
    before = sql[:at]
    return {"position": len(before) + 1, "line": before.count("\n") + 1, "column": len(before) - before.rfind("\n")}


def place_of_name(sql: str, name: str | None) -> dict[str, int] | None:
    """Where a text first says a name as a whole; None where it does not."""
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql, re.IGNORECASE) if name else None
    return None if found is None else place_of(sql, found.start())
