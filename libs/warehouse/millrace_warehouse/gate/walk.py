"""One statement's way through the gate."""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from millrace_core.errors import QueryError
from millrace_warehouse.gate.functions import CASTS, IN_FUNCTIONS, TABLE_FUNCTIONS, Functions
from millrace_warehouse.gate.nodes import ALLOWED, COMMON, Node, children, equals, function
from millrace_warehouse.gate.statements import Read, time_column

_DEEPEST: Final = 300
# values('a UInt8, b String ALIAS file(…)'): the structure is code, and its expressions are run.
_STRUCTURE_CODE: Final = re.compile(r"\b(default|materialized|alias|ephemeral|aggregatefunction)\b", re.IGNORECASE)


class Refused(QueryError):
    """A statement that may not be asked.

    Args:
        name: what it says that it may not.
    """

    def __init__(self, reason: str, name: str | None = None, *, code: str = "sql_not_allowed") -> None:
        super().__init__(reason if code == "unknown_table" else f"This statement is refused: {reason}.", code=code)
        self.name = name


@dataclass(frozen=True, slots=True)
class Readable:
    """What a statement may read.

    Args:
        database: the only one that may be named.
        columns: for each readable table the columns that a read lists.
        views: the definition of each view, as a syntax tree.
        tables: every table there is: a name of theirs means nothing else.
    """

    database: str
    columns: Mapping[str, Sequence[str]]
    views: Mapping[str, Node]
    tables: frozenset[str]

    @property
    def names(self) -> list[str]:
        """Of everything that can be read."""
        return [*self.columns, *self.views]


class Walk:
    """Changes the tree in place.

    Args:
        is_empty: every table is read as if it had no rows.
    """

    def __init__(self, functions: Functions, readable: Readable, tenant: str, *, is_empty: bool = False) -> None:
        self._functions = functions
        self._readable = readable
        self._tenant = tenant
        self._is_empty = is_empty
        self._names: set[str] = set()
        self._lambdas: set[str] = set()
        self._aliases: set[str] = set()
        self._selects: list[Node] = []
        self.names: set[str] = set()
        """Of what the statement reads, views by their own names."""
        self.reads: list[Read] = []

    def check(self, tree: Node) -> None:
        """Look at every node, and put a subquery in each table's place.

        Raises:
            QueryError: ``sql_not_allowed`` or ``unknown_table``.
        """
        self._collect_names(tree, 0)
        self._visit(tree)

    def _collect_names(self, node: Node, depth: int) -> None:
        """Names of WITH elements and lambdas, wherever they are: none may be a table's or a function's, so that a name needs
        no idea of scopes to be judged."""
        if depth > _DEEPEST:
            raise Refused("the statement is nested too deeply")
        if "alias" in node:
            self._aliases.add(node["alias"])
        if node.get("type") == "WithElement":
            if node["name"] in self._readable.tables or "." in node["name"]:
                raise Refused(f"WITH may not take the name of a table: {node['name']}")
            self._names.add(node["name"])
        if node.get("type") == "Function" and node.get("is_lambda_function") and node.get("alias"):
            if node["alias"].lower() in self._functions.known:
                raise Refused(f"a lambda may not take the name of a function: {node['alias']}")
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
                raise Refused("a table may not be named here")
            case "Identifier":
                self._drop_database(node)
            case "Function":
                self._function(node)
            case "ColumnsApplyTransformer" if "func_name" in node:
                self._called(node["func_name"])
            case "SelectWithUnionQuery" if any(node.get(key) for key in node if "outfile" in key):
                raise Refused("INTO OUTFILE is not allowed")
        if kind == "SelectQuery":
            self._selects.append(node)
        for child in children(node):
            self._visit(child)
        if kind == "SelectQuery":
            self._selects.pop()
            _fold_prewhere(node)

    def _check_keys(self, kind: str | None, node: Node) -> None:
        if kind is None:
            return  # a bare group of nodes
        keys = ALLOWED.get(kind)
        if keys is None:
            raise Refused(f"not allowed: {kind}")
        if keys and (unknown := node.keys() - keys - COMMON):
            raise Refused(f"not allowed: {min(unknown)}")

    def _called(self, name: str) -> None:
        if name not in self._lambdas and not self._functions.allows(name):
            raise Refused(f"the function {name} is not allowed", name)

    def _function(self, node: Node) -> None:
        name = node["name"].lower()
        self._called(node["name"])
        arguments = (node.get("arguments") or {}).get("children") or []
        if name in CASTS and "aggregatefunction" in json.dumps(arguments).lower():
            raise Refused("casts to aggregate states are not allowed")
        if name in IN_FUNCTIONS and len(arguments) == 2:
            right = arguments[1]
            # A table on the right of IN is a plain identifier here; only a WITH element may be one.
            if right.get("type") == "Identifier" and right["name"] not in self._names:
                raise Refused("a table on the right side of IN is not allowed: use a subquery")

    def _drop_database(self, node: Node) -> None:
        """``analytics.events_raw.visitor_id`` names the subquery that stands for the table from now on."""
        parts = node.get("name_parts") or []
        if len(parts) > 2 and parts[0] == self._readable.database and parts[1] in self._readable.columns:
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
            raise Refused("a table has to be named")
        parts = named.get("name_parts") or [named["name"]]
        if len(parts) == 1 and parts[0] in self._names:
            return
        name, alias = parts[-1], named.get("alias") or parts[-1]
        is_ours = len(parts) == 1 or (len(parts) == 2 and parts[0] == self._readable.database)
        if is_ours and name in self._readable.columns:
            self._scope(node, name, alias)
        elif is_ours and name in self._readable.views:
            self._expand(node, name, alias)
        else:
            told = f"There is no table {'.'.join(parts)}; there is {', '.join(self._readable.names)}."
            raise Refused(told, name, code="unknown_table")

    def _table_function(self, node: Node) -> None:
        name = node["name"].lower()
        if name not in TABLE_FUNCTIONS:
            raise Refused(f"the table function {node['name']} is not allowed", node["name"])
        arguments = (node.get("arguments") or {}).get("children") or []
        if name == "values" and arguments and arguments[0].get("type") == "Literal":
            structure = arguments[0]["value"].get("value")
            if isinstance(structure, str) and _STRUCTURE_CODE.search(structure):
                raise Refused("expressions in a structure are not allowed")
        for argument in children(node):
            self._visit(argument)

    def _expand(self, node: Node, view: str, alias: str) -> None:
        """Put a view's definition in the place of its name, and scope what that reads."""
        if node.keys() & {"final", "sample_size", "sample_offset"}:
            raise Refused(f"{view} is no table, so it takes neither FINAL nor SAMPLE")
        definition = copy.deepcopy(self._readable.views[view])
        named = self.names | {view}
        self._visit(definition)
        self.names = named
        del node["database_and_table_name"]
        node["subquery"] = {"type": "Subquery", "alias": alias, "children": [definition]}

    def _scope(self, node: Node, table: str, alias: str) -> None:
        """Put a subquery in the table's place. PREWHERE, not WHERE: with WHERE the optimiser moves the statement's own
        conditions in front, and their errors quote other tenants' values."""
        self.names.add(table)
        is_shadowed = time_column(table) in self._aliases
        self.reads.append(Read(table, None if is_shadowed else self._selects[-1] if self._selects else None))
        inner: Node = {
            "type": "TableExpression",
            "database_and_table_name": {
                "type": "TableIdentifier",
                "name": f"{self._readable.database}.{table}",
                "name_parts": [self._readable.database, table],
            },
        }
        for key in ("final", "sample_size", "sample_offset"):
            if key in node:
                inner[key] = node.pop(key)
        columns = [{"type": "Identifier", "name": column} for column in self._readable.columns[table]]
        element = {"type": "TablesInSelectQueryElement", "table_expression": inner}
        select: Node = {
            "type": "SelectQuery",
            "select": {"type": "ExpressionList", "children": columns},
            "tables": {"type": "TablesInSelectQuery", "children": [element]},
            "prewhere": equals("customer_id", self._tenant),
        }
        if self._is_empty:
            select["limit_length"] = {"type": "Literal", "value": {"field_type": "UInt64", "value": 0}}
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
