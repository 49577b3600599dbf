"""The same request with the same ``Idempotency-Key`` has the same answer, and is done once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Header, Response
from pydantic import BaseModel

from millrace_core.errors import Unavailable
from millrace_records.cache.memory import MemoryCache
from millrace_service.metrics import Metrics
from millrace_web.app import Repeating, create_app


class _Asked(BaseModel):
    text: str = ""


class _Counter:
    def __init__(self) -> None:
        self.count = 0
        self.may_end = asyncio.Event()

    async def begun(self, count: int) -> None:
        """Wait until so many requests are being done."""
        async with asyncio.timeout(10):
            while self.count < count:
                await asyncio.sleep(0)

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.post("/count")
        async def count(asked: _Asked) -> dict[str, Any]:
            self.count += 1
            if asked.text == "busy" and self.count == 1:
                raise Unavailable("not now")
            return {"count": self.count, "text": asked.text}

        @router.post("/slow")
        async def slow(asked: _Asked) -> dict[str, int]:
            self.count += 1
            number = self.count
            async with asyncio.timeout(10):
                await self.may_end.wait()
            if asked.text == "busy" and number == 1:
                raise Unavailable("not now")
            return {"count": number}

        @router.post("/dashboards")
        async def dashboards(
            tenant: Annotated[str | None, Header(alias="X-Tenant-ID")] = None, if_match: Annotated[str | None, Header()] = None
        ) -> dict[str, Any]:
            self.count += 1
            return {"count": self.count, "tenant": tenant, "seen": if_match}

        @router.post("/secret")
        async def secret(response: Response) -> dict[str, int]:
            self.count += 1
            response.headers["Cache-Control"] = "no-store"
            return {"count": self.count}

        return router


@pytest.fixture
def counter() -> _Counter:
    return _Counter()


@pytest.fixture
async def http(counter: _Counter) -> AsyncIterator[httpx.AsyncClient]:
    repeating = Repeating(MemoryCache(10**6), 60)
    app = create_app("test", "0", Metrics(), [counter.router()], hosts=["*"], repeating=repeating)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def _post(
    http: httpx.AsyncClient, path: str = "/count", key: str = "k1", text: str = "", **headers: str
) -> httpx.Response:
    return await http.post(path, json={"text": text}, headers={"Idempotency-Key": key, **headers})


async def test_the_stored_answer_comes_back(http: httpx.AsyncClient, counter: _Counter) -> None:
    first, again = await _post(http, text="a"), await _post(http, text="a")
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (200, {"count": 1, "text": "a"})
    assert again.headers["content-type"] == "application/json"
    assert counter.count == 1
    assert (await _post(http, key="k2", text="a")).json()["count"] == 2
    assert (await http.post("/count", json={})).json()["count"] == 3


async def test_the_same_key_with_another_body_is_a_conflict(http: httpx.AsyncClient, counter: _Counter) -> None:
    await _post(http, text="a")
    other = await _post(http, text="b")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert counter.count == 1


async def test_a_key_is_of_one_path_and_of_who_sends_it(http: httpx.AsyncClient) -> None:
    assert (await _post(http)).json()["count"] == 1
    assert (await _post(http, Authorization="Bearer other")).json()["count"] == 2
    assert (await _post(http, "/count?x=1")).json()["count"] == 3
    assert (await _post(http, "/secret")).json()["count"] == 4


async def test_a_key_is_of_one_tenant(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        told = [(await _post(http, "/dashboards", **{"X-Tenant-ID": tenant})).json() for tenant in ("ta", "tb")]
        assert [(one["tenant"], one["count"]) for one in told] == [("ta", 1), ("tb", 2)]


@pytest.mark.parametrize("other", [{"If-Match": '"2"'}, {"Content-Type": "application/json; charset=utf-8"}])
async def test_what_a_request_says_in_its_headers_has_to_be_the_same(http: httpx.AsyncClient, other: dict[str, str]) -> None:
    said = {"If-Match": '"1"', "Content-Type": "application/json"}
    assert [(await _post(http, "/dashboards", **said)).json()["count"] for _ in range(2)] == [1, 1]
    changed = await _post(http, "/dashboards", **{**said, **other})
    assert (changed.status_code, changed.json()["code"]) == (409, "idempotency_key_reused")
    assert (await _post(http, "/dashboards", **said, **{"Cache-Control": "no-cache"})).json()["count"] == 1


async def test_no_two_requests_run_together_to_one_name(http: httpx.AsyncClient, counter: _Counter) -> None:
    for path, key in (("/count?a=1", "k"), ("/count", "ka=1"), ("/count", "k")):
        await _post(http, path, key)
    assert counter.count == 3


async def test_a_secret_or_a_fault_is_not_kept(http: httpx.AsyncClient) -> None:
    assert (await _post(http, text="busy")).status_code == 503
    assert (await _post(http, text="busy")).json()["count"] == 2
    assert [(await _post(http, "/secret")).json()["count"] for _ in range(2)] == [3, 4]


@pytest.mark.parametrize(("text", "counts"), [("", [1, 1, 1]), ("busy", [None, 3, 3])])
async def test_of_the_same_requests_at_once_one_is_done(
    http: httpx.AsyncClient, counter: _Counter, text: str, counts: list[int | None]
) -> None:
    same = [asyncio.create_task(_post(http, "/slow", text=text)) for _ in counts]
    other = asyncio.create_task(_post(http, "/slow", key="k2"))
    await counter.begun(2)
    counter.may_end.set()
    assert [(await task).json().get("count") for task in same] == counts
    assert (await other).json() == {"count": 2}


async def test_who_waits_too_long_for_the_same_request_is_told(counter: _Counter) -> None:
    repeating = Repeating(MemoryCache(10**6), 60, patience=0.01)
    app = create_app("test", "0", Metrics(), [counter.router()], hosts=["*"], repeating=repeating)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        first = asyncio.create_task(_post(http, "/slow"))
        await counter.begun(1)
        second = await _post(http, "/slow")
        counter.may_end.set()
        assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_in_use")
        assert [(await first).json(), (await _post(http, "/slow")).json(), counter.count] == [{"count": 1}, {"count": 1}, 1]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\x7f"])
async def test_what_is_no_key_is_refused(http: httpx.AsyncClient, key: str) -> None:
    answer = await _post(http, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


async def test_what_the_request_says_wrong_is_said_again(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await http.post("/count", content=b"{", headers={"Idempotency-Key": "k1", "Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
