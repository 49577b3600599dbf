"""Whether a statement says whose rows it wants. It is scoped in any case; one documented route asks for the words, too."""

from typing import Any, Final

from millrace_core.errors import Forbidden
from millrace_warehouse.gate.nodes import Node, nodes_of

_COMPARISONS: Final = frozenset({"equals", "in"})


def check_tenant_filter(tree: Node, tenant: str) -> None:
    """Return when the statement reads no table, or compares ``customer_id`` with this tenant and with no other.

    Raises:
        Forbidden: ``foreign_tenant`` or ``missing_tenant_filter``.
    """
    nodes = list(nodes_of(tree))
    compared = {literal for node in nodes for literal in _compared_with_customer(node)}
    if foreign := compared - {tenant}:
        raise Forbidden(
            f"The query asks for customer_id {min(foreign)!r}; this request may read {tenant!r} only.", code="foreign_tenant"
        )
    if not compared and any(node.get("type") == "TableIdentifier" for node in nodes):
        raise Forbidden(f"Add WHERE customer_id = '{tenant}' to the query.", code="missing_tenant_filter")


def _compared_with_customer(node: Node) -> set[str]:
    if node.get("type") != "Function" or node.get("name", "").lower() not in _COMPARISONS:
        return set()
    arguments = (node.get("arguments") or {}).get("children") or []
    if len(arguments) != 2 or not any(_is_customer(argument) for argument in arguments):
        return set()
    return {text for argument in arguments for text in _texts(argument)}


def _is_customer(node: Node) -> bool:
    parts = node.get("name_parts") or [node.get("name", "")]
    return node.get("type") == "Identifier" and parts[-1] == "customer_id"


def _texts(node: Node) -> set[str]:
    if node.get("type") == "Literal":
        return _texts_of_value(node["value"])
    if node.get("type") == "Function" and node.get("name", "").lower() == "cast":  # a value that was given by name
        return _texts(((node.get("arguments") or {}).get("children") or [{}])[0])
    if node.get("type") == "Function" and node.get("name") in ("tuple", "array"):
        return {text for argument in (node.get("arguments") or {}).get("children") or [] for text in _texts(argument)}
    return set()


def _texts_of_value(value: Any) -> set[str]:
    inner = value.get("value") if isinstance(value, dict) else value
    if isinstance(inner, list):
        return {text for each in inner for text in _texts_of_value(each)}
    return {inner} if isinstance(inner, str) else set()
