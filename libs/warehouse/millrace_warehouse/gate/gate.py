"""Checks a statement and rewrites it to one tenant."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from millrace_core.errors import QueryError
from millrace_warehouse.gate.functions import CASTS, IN_FUNCTIONS, TABLE_FUNCTIONS, Functions
from millrace_warehouse.gate.nodes import ALLOWED, COMMON, Node, children, equals, function
from millrace_warehouse.gate.tenant_filter import check_tenant_filter

_LONGEST_STATEMENT: Final = 100_000
_DEEPEST: Final = 300
# values('a UInt8, b String ALIAS file(…)'): the structure is code, and its expressions are run.
_STRUCTURE_CODE: Final = re.compile(r"\b(default|materialized|alias|ephemeral|aggregatefunction)\b", re.IGNORECASE)


class Parser(Protocol):
    """The engine's own parser."""

    async def parse(self, sql: str) -> str:
        """The syntax tree as JSON.

        Raises:
            QueryError: the text is no single statement.
        """
        ...

    async def print(self, tree: str) -> str:
        """The text of a syntax tree."""
        ...


class Gate:
    """Knows what may be called and read.

    Args:
        database: the only one that may be named.
        columns: for each readable table the columns that a read lists.
        tables: every table there is: a name of theirs means nothing else.
    """

    def __init__(
        self, parser: Parser, functions: Functions, database: str, columns: Mapping[str, Sequence[str]], tables: Sequence[str]
    ) -> None:
        self.parser = parser
        self._functions = functions
        self._database = database
        self._columns = columns
        self._tables = frozenset(tables)

    async def scope(self, sql: str, tenant: str, *, require_tenant_filter: bool = False) -> str:
        """The statement as it is to be run: the same question, to this tenant's rows only.

        Raises:
            QueryError: ``invalid_sql`` or ``sql_not_allowed``.
            Forbidden: see :func:`check_tenant_filter`, where the filter is required.
        """
        if len(sql) > _LONGEST_STATEMENT:
            raise _refusal(f"the statement is longer than {_LONGEST_STATEMENT} characters")
        if "\0" in sql:
            raise QueryError("The statement holds a NUL character.")
        tree: Node = json.loads(await self.parser.parse(sql.strip()))
        if tree.get("type") not in ("SelectWithUnionQuery", "SelectIntersectExceptQuery"):
            raise _refusal("only SELECT is allowed")
        if require_tenant_filter:
            check_tenant_filter(tree, tenant)
        _Walk(self._functions, self._database, self._columns, self._tables, tenant).check(tree)
        return await self.parser.print(json.dumps(tree))


class _Walk:
    """One statement's way through the gate. Changes the tree in place."""

    def __init__(
        self,
        functions: Functions,
        database: str,
        columns: Mapping[str, Sequence[str]],
        tables: frozenset[str],
        tenant: str,
    ) -> None:
        self._functions = functions
        self._database = database
        self._columns = columns
        self._tables = tables
        self._tenant = tenant
        self._names: set[str] = set()
        self._lambdas: set[str] = set()

    def check(self, tree: Node) -> None:
        self._collect_names(tree, 0)
        self._visit(tree)

    def _collect_names(self, node: Node, depth: int) -> None:
        """Names of WITH elements and lambdas, wherever they are: none may be a table's or a function's, so that a name needs
        no idea of scopes to be judged."""
        if depth > _DEEPEST:
            raise _refusal("the statement is nested too deeply")
        if node.get("type") == "WithElement":
            if node["name"] in self._tables or "." in node["name"]:
                raise _refusal(f"WITH may not take the name of a table: {node['name']}")
            self._names.add(node["name"])
        if node.get("type") == "Function" and node.get("is_lambda_function") and node.get("alias"):
            if node["alias"].lower() in self._functions.known:
                raise _refusal(f"a lambda may not take the name of a function: {node['alias']}")
            self._lambdas.add(node["alias"])
        for child in children(node):
            self._collect_names(child, depth + 1)

    def _visit(self, node: Node) -> None:
        kind = node.get("type")
        self._check_keys(kind, node)
        if kind == "TableExpression":
            self._table(node)
            return
        match kind:
            case "TableIdentifier":
                raise _refusal("a table may not be named here")
            case "Identifier":
                self._drop_database(node)
            case "Function":
                self._function(node)
            case "ColumnsApplyTransformer" if "func_name" in node:
                self._called(node["func_name"])
            case "SelectWithUnionQuery" if any(node.get(key) for key in node if "outfile" in key):
                raise _refusal("INTO OUTFILE is not allowed")
        for child in list(children(node)):
            self._visit(child)
        if kind == "SelectQuery":
            _fold_prewhere(node)

    def _check_keys(self, kind: str | None, node: Node) -> None:
        if kind is None:
            return  # a bare group of nodes
        keys = ALLOWED.get(kind)
        if keys is None:
            raise _refusal(f"not allowed: {kind}")
        if keys and (unknown := node.keys() - keys - COMMON):
            raise _refusal(f"not allowed: {min(unknown)}")

    def _called(self, name: str) -> None:
        if name not in self._lambdas and not self._functions.allows(name):
            raise _refusal(f"the function {name} is not allowed")

    def _function(self, node: Node) -> None:
        name = node["name"].lower()
        self._called(node["name"])
        arguments = (node.get("arguments") or {}).get("children") or []
        if name in CASTS and "aggregatefunction" in json.dumps(arguments).lower():
            raise _refusal("casts to aggregate states are not allowed")
        if name in IN_FUNCTIONS and len(arguments) == 2:
            right = arguments[1]
            # A table on the right of IN is a plain identifier here; only a WITH element may be one.
            if right.get("type") == "Identifier" and right["name"] not in self._names:
                raise _refusal("a table on the right side of IN is not allowed: use a subquery")

    def _drop_database(self, node: Node) -> None:
        """``analytics.events_raw.visitor_id`` names the subquery that stands for the table from now on."""
        parts = node.get("name_parts") or []
        if len(parts) > 2 and parts[0] == self._database and parts[1] in self._columns:
            node["name_parts"] = parts[1:]
            node["name"] = ".".join(parts[1:])

    def _table(self, node: Node) -> None:
        if "table_function" in node:
            self._table_function(node["table_function"])
            return
        if "subquery" in node:
            self._visit(node["subquery"])
            return
        named = node["database_and_table_name"]
        if named.get("type") != "TableIdentifier":
            raise _refusal("a table has to be named")
        parts = named.get("name_parts") or [named["name"]]
        if len(parts) == 1 and parts[0] in self._names:
            return
        if len(parts) > 2 or (len(parts) == 2 and parts[0] != self._database) or parts[-1] not in self._columns:
            raise QueryError(f"There is no table {'.'.join(parts)}; there is {', '.join(self._columns)}.", code="unknown_table")
        self._scope(node, parts[-1], named.get("alias") or parts[-1])

    def _table_function(self, node: Node) -> None:
        name = node["name"].lower()
        if name not in TABLE_FUNCTIONS:
            raise _refusal(f"the table function {node['name']} is not allowed")
        arguments = (node.get("arguments") or {}).get("children") or []
        if name == "values" and arguments and arguments[0].get("type") == "Literal":
            structure = arguments[0]["value"].get("value")
            if isinstance(structure, str) and _STRUCTURE_CODE.search(structure):
                raise _refusal("expressions in a structure are not allowed")
        for argument in list(children(node)):
            self._visit(argument)

    def _scope(self, node: Node, table: str, alias: str) -> None:
        """Put a subquery in the table's place. PREWHERE, not WHERE: with WHERE the optimiser moves the statement's own
        conditions in front, and their errors quote other tenants' values."""
        inner: Node = {
            "type": "TableExpression",
            "database_and_table_name": {
                "type": "TableIdentifier",
                "name": f"{self._database}.{table}",
                "name_parts": [self._database, table],
            },
        }
        for key in ("final", "sample_size", "sample_offset"):
            if key in node:
                inner[key] = node.pop(key)
        columns = [{"type": "Identifier", "name": column} for column in self._columns[table]]
        element = {"type": "TablesInSelectQueryElement", "table_expression": inner}
        select = {
            "type": "SelectQuery",
            "select": {"type": "ExpressionList", "children": columns},
            "tables": {"type": "TablesInSelectQuery", "children": [element]},
            "prewhere": equals("customer_id", self._tenant),
        }
        union = {
            "type": "SelectWithUnionQuery",
            "union_mode": "UNION_DEFAULT",
            "list_of_selects": {"type": "ExpressionList", "children": [select]},
            "is_outfile_append": False,
            "is_outfile_truncate": False,
            "is_into_outfile_with_stdout": False,
        }
        del node["database_and_table_name"]
        node["subquery"] = {"type": "Subquery", "alias": alias, "children": [union]}


def _fold_prewhere(node: Node) -> None:
    """PREWHERE cannot be applied to the subquery that stands for a table: it joins WHERE."""
    before = node.pop("prewhere", None)
    if before is not None:
        where = node.get("where")
        node["where"] = before if where is None else function("and", before, where)


def _refusal(reason: str) -> QueryError:
    return QueryError(f"This statement is refused: {reason}.", code="sql_not_allowed")
