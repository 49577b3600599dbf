"""The reference page of the HTTP API, made of its OpenAPI document."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from docs.http_examples import BODIES, NAMES, QUERIES, VALUES

Document = Mapping[str, Any]
_METHODS: Final = ("get", "put", "post", "patch", "delete")
_INTRODUCTION: Final = """\
# HTTP API

Made of `/openapi.json`, which a running server answers; `/docs` shows it with a form to try each operation. Who is asked for a
key says it as [access](../guides/access.md#keys) tells; an error is one object with a `code` ([errors](errors.md)). Bodies are
JSON. Other people's SDKs have paths of their own: [protocols](protocols.md). What operators ask for is in
[the admin API](admin.md)."""
_TITLES: Final = {
    "ingestion": "Tracking, and where an event is",
    "realtime": "SQL, plain language, what happens now",
    "questions": "Questions",
    "sql": "Schema, saved statements",
    "commerce": "The shapes of commerce",
    "product": "The shapes of product",
    "health": "Health",
    "tracker": "The tracker",
}


def http(document: Document) -> str:
    """The page: a section a group of operations, with each parameter, field and status, and a request that is valid."""
    lines = [_INTRODUCTION]
    by_tag: dict[str, list[str]] = {}
    for name, operation in operations(document):
        tag = (operation.get("tags") or ["other"])[0]
        by_tag.setdefault(tag, []).extend(_operation(name, operation, document))
    order = {tag: place for place, tag in enumerate(_TITLES)}
    for tag in sorted(by_tag, key=lambda each: (order.get(each, len(order)), each)):
        lines += ["", f"## {_TITLES.get(tag, tag.capitalize())}", *by_tag[tag]]
    return "\n".join(lines)


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    """Each operation by its method and path, as in ``POST /track``."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def schema_of(operation: Document) -> Document | None:
    """Of the JSON that it takes."""
    content = operation.get("requestBody", {}).get("content", {})
    schema: Document | None = content.get("application/json", {}).get("schema")
    return schema


def body_of(name: str, operation: Document, document: Document) -> Any:
    """A body that it takes: a chosen one, else the smallest."""
    schema = schema_of(operation)
    return None if schema is None else BODIES.get(name, _smallest(schema, document))


def is_chosen(name: str, operation: Document) -> bool:
    """Whether what is shown of it was chosen, so that a server takes it: its body, and what its path names."""
    path = name.split()[1]
    knows_name = any(path.startswith(beginning) for beginning in NAMES)
    named = all(one in VALUES or (one == "name" and knows_name) for one in re.findall(r"\{(\w+)\}", path))
    return named and (schema_of(operation) is None or name in BODIES)


def address_of(name: str, operation: Document) -> str:
    """Its path with values, and what it needs in the query string."""
    method, path = name.split()
    named = next((value for beginning, value in NAMES.items() if path.startswith(beginning)), "name")
    for parameter in re.findall(r"\{(\w+)\}", path):
        path = path.replace(f"{{{parameter}}}", named if parameter == "name" else VALUES.get(parameter, parameter))
    needed = [
        f"{one['name']}={VALUES.get(one['name'], one['name'])}"
        for one in operation.get("parameters", [])
        if one["in"] == "query" and (one.get("required") or one["name"] == "customer_id")
    ]
    query = QUERIES.get(f"{method} {name.split()[1]}", "&".join(needed))
    return f"{path}?{query}" if query else path


def _operation(name: str, operation: Document, document: Document) -> Iterator[str]:
    yield from ("", f"### {name}", "")
    yield _text(operation.get("description") or operation.get("summary", ""))
    parameters = operation.get("parameters", [])
    if parameters:
        yield from ("", "| parameter | in | type | meaning |", "|---|---|---|---|")
        for one in parameters:
            needed = " (needed)" if one.get("required") else ""
            meaning = one.get("description") or one["schema"].get("description", "")
            yield f"| `{one['name']}` | {one['in']}{needed} | {_type(one['schema'], document)} | {_cell(meaning)} |"
    schema = schema_of(operation)
    if schema is not None:
        yield from _fields(_resolved(schema, document), document)
        yield from ("", "```json", _written(body_of(name, operation, document)), "```")
    elif name.startswith("GET "):
        yield from ("", f"`curl '{'http://localhost:8080' + address_of(name, operation)}'`")
    answers = operation["responses"].items()
    said = sorted(f"{status} {_cell(answer.get('description', '')).rstrip('.')}" for status, answer in answers)
    yield from ("", f"Answers: {'; '.join(said)}.")


def _fields(schema: Document, document: Document) -> Iterator[str]:
    properties = schema.get("properties")
    if not properties:
        kinds = [each["$ref"].rpartition("/")[2] for each in schema.get("oneOf", schema.get("anyOf", [])) if "$ref" in each]
        if kinds:
            yield from ("", f"The body is one of {', '.join(f'`{kind}`' for kind in kinds)}.")
        return
    needed = set(schema.get("required", ()))
    yield from ("", "| field | type | meaning |", "|---|---|---|")
    for name, field in properties.items():
        mark = " (needed)" if name in needed else ""
        yield f"| `{name}`{mark} | {_type(field, document)} | {_cell(field.get('description', ''))} |"


def _type(schema: Document, document: Document) -> str:
    """In words: kinds, choices, bounds."""
    if "$ref" in schema:
        return _type(_resolved(schema, document), document)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            words = [_type(each, document) for each in schema[several]]
            return " or ".join(dict.fromkeys(word for word in words if word != "null")) or "null"
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    word = " or ".join(each for each in kind if each != "null") if isinstance(kind, list) else kind
    if word == "array":
        word = f"array of {_type(schema.get('items', {}), document)}"
    if schema.get("format") == "date-time":
        word += ", a time"
    return word + (f", default `{schema['default']}`" if schema.get("default") not in (None, "", [], {}) else "")


def _smallest(schema: Document, document: Document) -> Any:
    """The smallest value that a schema takes; an example of its own before all others."""
    schema = _resolved(schema, document)
    given = [schema[key] for key in ("example", "const", "default") if key in schema]
    given += [schema[key][0] for key in ("examples", "enum") if schema.get(key)]
    if given:
        return given[0]
    several = next((schema[key] for key in ("anyOf", "oneOf", "allOf") if key in schema and "properties" not in schema), None)
    return _of_type(schema, document) if several is None else _smallest(several[0], document)


def _of_type(schema: Document, document: Document) -> Any:
    match schema.get("type"):
        case "object":
            return {name: _smallest(schema["properties"][name], document) for name in schema.get("required", ())}
        case "array":
            return [_smallest(schema["items"], document)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
        case _:
            return "x" * max(1, schema.get("minLength", 1))


def _resolved(schema: Document, document: Document) -> Document:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _written(value: Any) -> str:
    """JSON, on one line where it is short."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= 110 else json.dumps(value, ensure_ascii=False, indent=2)


def _text(text: str) -> str:
    return " ".join(line or "\n\n" for line in text.replace("``", "`").splitlines()).replace(" \n\n ", "\n\n")


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").replace("\n", " ")
