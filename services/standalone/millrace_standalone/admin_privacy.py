"""``/admin/v1/privacy``: what there is of a person, and erasing it. People are named in bodies, as a proxy may log addresses,
and no answer is kept for an ``Idempotency-Key``."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, model_validator

from millrace_consumer.privacy.requests import Found, Outcome, PrivacyRequests
from millrace_core.access import Caller, tenant_of
from millrace_core.tenants import TENANT_PATTERN
from millrace_core.time import iso_time, now_ms
from millrace_records.access.ports import Change
from millrace_records.ports import Erasure, Records
from millrace_standalone.admin_access import admin_of
from millrace_warehouse.ports import OLD_FILES_SECONDS
from millrace_web.access import Asking

_NOT_KEPT: Final = {"cache-control": "no-store"}
_Id = Annotated[str, Field(max_length=512)]


class Whose(BaseModel):
    """A user, with every visitor that is linked to them; or one visitor."""

    tenant: Annotated[str, Field(pattern=TENANT_PATTERN)]
    user_id: _Id = ""
    visitor_id: _Id = ""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.user_id) == bool(self.visitor_id):
            raise ValueError("name either user_id or visitor_id")
        return self


class ToErase(Whose):
    """Likewise."""

    dry_run: bool = False


def add_privacy(router: APIRouter, privacy: PrivacyRequests, records: Records) -> None:
    """The routes; prefix and check of the token are the router's."""

    async def found_for(whose: Whose, caller: Caller) -> Found:
        tenant = tenant_of(caller, whose.tenant, "admin")
        return await privacy.find(tenant, user=whose.user_id, visitor=whose.visitor_id)

    @router.post("/privacy/export", response_class=StreamingResponse)
    async def export(whose: Whose, caller: Asking) -> StreamingResponse:
        found = await found_for(whose, caller)
        told = Change(now_ms(), caller.who, "person_exported", whose.tenant, "a person", dict(found.rows))
        await records.access.trail.take([told])

        async def lines() -> AsyncIterator[bytes]:
            async for piece in privacy.export(found):
                yield piece

        return StreamingResponse(lines(), media_type="application/x-ndjson", headers=_NOT_KEPT)

    @router.post("/privacy/erase")
    async def erase(asked: ToErase, caller: Asking, response: Response) -> dict[str, Any]:
        response.headers.update(_NOT_KEPT)
        found = await found_for(asked, caller)
        if asked.dry_run:
            return _told(found)
        return _done(await privacy.erase(found, caller.who))

    @router.get("/privacy/erasures")
    async def list_erasures(
        caller: Asking,
        tenant: str | None = None,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[dict[str, Any]]:
        asked = admin_of(caller, tenant)
        return [_shown(one) for one in await records.erasures.erasures(tenant=asked, after=after, limit=limit)]


def _told(found: Found) -> dict[str, Any]:
    person = found.person
    return {
        "tenant": person.tenant,
        "received_before": iso_time(person.before),
        "users": person.users,
        "visitors": person.visitors,
        "shared_visitors": found.shared,
        "rows": found.rows,
        "dry_run": True,
    }


def _done(outcome: Outcome) -> dict[str, Any]:
    return {
        **_told(outcome.found),
        "dry_run": False,
        "erasure": outcome.erasure.id,
        "complete": not any(outcome.remaining.values()),
        "remaining": outcome.remaining,
        "verification": outcome.question,
        "log": outcome.log,
        "off_disk_by": iso_time(now_ms() + OLD_FILES_SECONDS * 1000),
    }


def _shown(erasure: Erasure) -> dict[str, Any]:
    return {
        "id": erasure.id,
        "tenant": erasure.tenant,
        "at": iso_time(erasure.at),
        "received_before": iso_time(erasure.before),
        "actor": erasure.actor,
        "ids": len(erasure.digests),
        "rows": erasure.rows,
        "state": erasure.state,
    }
