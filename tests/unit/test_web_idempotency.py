"""The same request with the same ``Idempotency-Key`` has the same answer, and is done once."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Response
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

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.post("/count")
        async def count(asked: _Asked) -> dict[str, Any]:
            self.count += 1
            if asked.text == "busy" and self.count == 1:
                raise Unavailable("not now")
            return {"count": self.count, "text": asked.text}

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


async def test_a_secret_or_a_fault_is_not_kept(http: httpx.AsyncClient) -> None:
    assert (await _post(http, text="busy")).status_code == 503
    assert (await _post(http, text="busy")).json()["count"] == 2
    assert [(await _post(http, "/secret")).json()["count"] for _ in range(2)] == [3, 4]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\x7f"])
async def test_what_is_no_key_is_refused(http: httpx.AsyncClient, key: str) -> None:
    answer = await _post(http, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


async def test_what_the_request_says_wrong_is_said_again(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await http.post("/count", content=b"{", headers={"Idempotency-Key": "k1", "Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
