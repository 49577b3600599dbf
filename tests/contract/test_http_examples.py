"""The requests of docs/reference/http.md: each is valid by the schema, taken by a server, and answered as the document says."""

import json
import re
from typing import Any, Final

import pytest
from docs.generate import FOLDER, HTTP_PAGE, http_page
from docs.http_page import Document, address_of, body_of, is_chosen, operations, schema_of
from jsonschema import Draft202012Validator

from tests.support import plain
from tests.support.server import Server

_STREAMS: Final = {
    "GET /events/stream/{customer_id}",
    "GET /ingest/live/{customer_id}",
    "POST /ai/query/stream",
    "POST /api/v1/questions/stream",
}
"""They do not end; test_stream_api.py and others try them."""
_OF_A_LINK: Final = {"GET /api/v1/shared", "GET /api/v1/shared/values", "POST /api/v1/shared/values"}
_NOT_SENT: Final = {*_STREAMS, *_OF_A_LINK, "POST /ai/feedback", "GET /tracker.js", "GET /tracker.mjs"}
"""Nor what needs a link's token, what names an answer that has to be there, nor what is there once it is built."""
_FIRST: Final = ("POST /track", "PUT ")


@pytest.fixture(scope="module")
def document(server: Server) -> Document:
    found: Document = plain.get(f"{server.url}/openapi.json", timeout=30).json()
    return found


def _wrong(value: Any, schema: Any, document: Document) -> list[str]:
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)]


def test_the_reference_is_made_of_the_document_that_the_server_gives(document: Document) -> None:
    assert (FOLDER / HTTP_PAGE).read_text() == http_page(document), "run `make docs`"


def test_every_body_is_valid_and_stands_on_the_page(document: Document) -> None:
    page = (FOLDER / HTTP_PAGE).read_text()
    shown = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)]
    bodies = 0
    for name, operation in operations(document):
        schema = schema_of(operation)
        if schema is not None:
            body = body_of(name, operation, document)
            assert _wrong(body, schema, document) == [], f"{name}: give it a body in docs/http_examples.py"
            assert body in shown, name
            bodies += 1
    assert bodies == len(shown) > 10


def test_every_request_is_taken_and_answered_as_the_document_says(server: Server, document: Document) -> None:
    all_of_them = dict(operations(document))
    order = sorted(all_of_them, key=lambda name: (not name.startswith(_FIRST), name.startswith("DELETE")))
    found: dict[str, Any] = {}
    for name in order:
        if name not in _NOT_SENT and is_chosen(name, all_of_them[name]):
            found[name] = _faults(server, name, all_of_them[name], document)
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert len(found) > 35


def _faults(server: Server, name: str, operation: Document, document: Document) -> list[str]:
    """What is wrong with the answer to the example of an operation."""
    answer = plain.request(
        name.split(maxsplit=1)[0],
        server.url + address_of(name, operation),
        json=body_of(name, operation, document),
        headers={"X-Tenant-ID": "demo_tenant"},
        timeout=60,
    )
    if not answer.is_success or str(answer.status_code) not in operation["responses"]:
        return [f"{answer.status_code}: {answer.text}"]
    if name.startswith("POST /track"):
        server.wait_until_stored()
    said = operation["responses"][str(answer.status_code)].get("content", {}).get("application/json", {}).get("schema")
    return _wrong(answer.json(), said, document) if said else []
