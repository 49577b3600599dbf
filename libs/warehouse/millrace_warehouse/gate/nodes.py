"""The nodes of the engine's syntax tree that a statement may have, and their keys. What is not here is refused: a construct of
a newer engine is closed until someone has looked at it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Node = dict[str, Any]

COMMON: Final = frozenset({"type", "alias", "prefer_alias_to_column_name", "parametrised_alias", "line", "column"})

_UNION: Final = "union_mode list_of_selects list_of_modes is_normalized set_of_modes selects"
_OUTFILE: Final = "is_outfile_append is_outfile_truncate is_into_outfile_with_stdout"
_SELECT: Final = (
    "with select tables prewhere where group_by having window windows qualify order_by limit limit_length limit_offset "
    "limit_by limit_by_length limit_by_offset interpolate aliases distinct distinct_on group_by_all group_by_with_totals "
    "group_by_with_rollup group_by_with_cube group_by_with_grouping_sets group_by_with_constant_keys order_by_all "
    "limit_with_ties recursive_with limit_by_all is_group_by_all limit_by_is_negative"
)
_FUNCTION: Final = (
    "name arguments parameters is_operator is_lambda_function kind window_name window_definition is_window_function "
    "nulls_action is_compound_name no_empty_args is_grouping_sets"
)

ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(keys.split())
    for name, keys in {
        "SelectWithUnionQuery": f"{_UNION} {_OUTFILE}",
        "SelectIntersectExceptQuery": "final_operator children operator list_of_selects",
        "ExpressionList": "children separator",
        "SelectQuery": _SELECT,
        "WithElement": "name subquery aliases has_materialized_keyword materialized",
        "Subquery": "children cte_name is_cte",
        "TablesInSelectQuery": "children",
        "TablesInSelectQueryElement": "table_expression table_join array_join",
        "TableExpression": "database_and_table_name subquery table_function final sample_size sample_offset column_aliases",
        "TableIdentifier": "name name_parts",
        "TableJoin": "kind strictness locality on_expression using_expression_list using",
        "ArrayJoin": "kind expression_list",
        "SampleRatio": "numerator denominator",
        "Identifier": "name name_parts",
        "Literal": "value",
        "Function": _FUNCTION,
        # Of these every key is allowed: they hold numbers, words and further nodes, and those are checked themselves.
        "WindowDefinition": "",
        "WindowListElement": "",
        "OrderByElement": "",
        "InterpolateElement": "",
        "Asterisk": "",
        "QualifiedAsterisk": "",
        "ColumnsRegexpMatcher": "",
        "ColumnsListMatcher": "",
        "QualifiedColumnsRegexpMatcher": "",
        "QualifiedColumnsListMatcher": "",
        "ColumnsTransformerList": "",
        "ColumnsApplyTransformer": "",
        "ColumnsExceptTransformer": "",
        "ColumnsReplaceTransformer": "",
        "ColumnsReplaceTransformerReplacement": "",
        "ExpressionListWithParens": "",
        "StorageOrderByElement": "",
    }.items()
}


def children(node: Node) -> list[Node]:
    """Every node directly below, however deep in lists; the value of a literal holds none.

    A list, not a generator: a statement's way through the gate asks this of each node some five times, and generators in
    generators were most of its time in Python.
    """
    found: list[Node] = []
    for key, value in node.items():
        if isinstance(value, dict):
            if key != "value":
                found.append(value)
        elif isinstance(value, list) and key != "value":
            _collect(value, found)
    return found


def nodes_of(node: Node) -> Iterator[Node]:
    """The node and everything below, in the order of the text. Without recursion: nested generators would hand each
    node up through all those above it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += reversed(children(found))


def _collect(values: list[Any], found: list[Node]) -> None:
    for value in values:
        if isinstance(value, dict):
            found.append(value)
        elif isinstance(value, list):
            _collect(value, found)


def equals(column: str, value: str) -> Node:
    """The tree of ``column = 'value'``."""
    literal = {"type": "Literal", "value": {"field_type": "String", "value": value}}
    return function("equals", {"type": "Identifier", "name": column}, literal)


def function(name: str, *arguments: Node) -> Node:
    """The tree of an operator with these arguments."""
    return {
        "type": "Function",
        "name": name,
        "is_operator": True,
        "arguments": {"type": "ExpressionList", "children": list(arguments)},
    }
