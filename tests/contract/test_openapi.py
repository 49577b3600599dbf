"""What the OpenAPI document promises, tried with made-up requests (schemathesis): no answer is a fault of the server.

Live streams are left out here, since they do not end: ``test_stream_api.py`` and ``test_ingest_report.py`` try them.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.support.server import Server


@pytest.fixture(scope="module")
def document(server: Server) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


@pytest.mark.parametrize("examples", [10, pytest.param(150, marks=pytest.mark.minutes)], ids=["few", "many"])
def test_no_request_makes_the_server_fail(document: schemathesis.BaseSchema, examples: int) -> None:
    tried = 0
    for found in document.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr] # a document that cannot be read fails right here
        if not operation.path.startswith(("/events/stream/", "/ingest/live/", "/api/v1/questions/stream")):
            _try(operation, examples)
            tried += 1
    assert tried >= 11


def _try(operation: Any, examples: int) -> None:
    # A question costs a query, or several.
    most = min(examples, 30) if operation.path.startswith("/api/v1/") else examples

    @settings(max_examples=most, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def attempt(case: "schemathesis.Case[Any]") -> None:
        response = case.call(timeout=30)
        assert response.status_code < 500, f"{case.as_curl_command()}\n{response.text}"
        if response.status_code >= 400:
            assert response.json().get("success", False) is False
            assert response.json()["code"]

    attempt()


def test_the_document_names_every_documented_route(document: schemathesis.BaseSchema) -> None:
    paths = set(document.raw_schema["paths"])
    documented = {
        "/track",
        "/track/batch",
        "/query",
        "/ai/query",
        "/ai/query/stream",
        "/ai/feedback",
        "/dashboard/realtime/{customer_id}",
        "/events/stream/{customer_id}",
        "/events/{event_id}",
        "/ingest/report/{customer_id}",
        "/ingest/live/{customer_id}",
        "/health",
    }
    assert documented <= paths
