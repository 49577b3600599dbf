"""The route of the schema family."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from millrace_analytics.asking.answers import Answers, Question
from millrace_analytics.asking.responses import is_fresh
from millrace_analytics.asking.timing import Timing, headers_of
from millrace_analytics.families.schema.reading import schema_of
from millrace_analytics.families.schema.schemas import Schema
from millrace_analytics.tenant_catalogue import TenantCatalogue
from millrace_core.access import tenant_of
from millrace_core.tenants import TENANT_PATTERN
from millrace_warehouse.ports import Warehouse
from millrace_web.access import Asking
from millrace_web.app import error_responses
from millrace_web.disconnects import while_connected

_SERVES_SECONDS: Final = 60.0

Tenant = Annotated[str, Path(pattern=TENANT_PATTERN, description="Whose data is asked for.")]


def schema_router(warehouse: Warehouse, answers: Answers, catalogue: TenantCatalogue) -> APIRouter:
    """``/schema/{customer_id}``."""
    router = APIRouter(tags=["sql"])

    @router.get("/schema/{customer_id}", response_model=Schema, responses=error_responses(400, 401, 403, 503))
    async def schema(customer_id: Tenant, caller: Asking, request: Request) -> Response:
        """What a statement may read, and what there is: tables and views with their columns, types of events, and the
        properties of each with their types and frequent values, from its latest events; and what somebody wrote about them
        (`/api/v1/descriptions`). An answer serves for a minute, or until a description changes."""
        tenant, timing = tenant_of(caller, customer_id, "query"), Timing()
        written = await catalogue.written(tenant)

        async def compute() -> bytes:
            return (await schema_of(warehouse.of(tenant), written)).model_dump_json().encode()

        question = Question(tenant, f"schema {written.version}", open_seconds=_SERVES_SECONDS, is_fresh=is_fresh(request))
        answer = await while_connected(request, answers.get(question, compute))
        timing.note(answer.outcome)
        headers = headers_of(timing, answer.outcome, answer.age_seconds)
        return Response(answer.body, media_type="application/json", headers=headers)

    return router
