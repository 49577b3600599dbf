"""Where keys are required, through every wire format: wrong, missing, of another kind, or of another page than it names."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.support.access import Platform, platform
from tests.support.wires import WIRES, Wire

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("wire", WIRES.values(), ids=lambda wire: wire.name),
]
_SHOP = "https://shop.example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with platform(tmp_path_factory.mktemp("keys") / "data") as opened:
        yield opened


async def post(served: Platform, wire: Wire, key: str, **headers: str) -> httpx.Response:
    body = wire.body([wire.text(1, key)], key)
    return await served.http.post(wire.path(key), content=body, headers={**wire.headers(key), **headers})


async def test_a_key_that_nobody_gave_out_is_401_in_the_formats_shape(served: Platform, wire: Wire) -> None:
    for wrong in ("mrw_" + "x" * 32, "mine", "no such key", "mrw_"):
        answer = await post(served, wire, wrong)
        assert answer.status_code == 401, (wrong, answer.text)
        assert [field for field in wire.error_fields if answer.json().get(field) in (None, "")] == []


async def test_a_missing_key_is_401(served: Platform, wire: Wire) -> None:
    answer = await post(served, wire, "")
    assert answer.status_code == 401, answer.text
    assert [field for field in wire.error_fields if answer.json().get(field) in (None, "")] == []


async def test_a_key_that_may_not_send_is_403(served: Platform, wire: Wire) -> None:
    answer = await post(served, wire, await served.secret(scopes=["query"]))
    assert answer.status_code == 403, answer.text
    assert [field for field in wire.error_fields if answer.json().get(field) in (None, "")] == []


async def test_a_write_key_is_for_the_pages_that_it_names(served: Platform, wire: Wire) -> None:
    key = await served.secret(kind="write", origins=[_SHOP])
    assert (await post(served, wire, key, Origin=_SHOP)).is_success
    for origin in ("https://evil.example", f"{_SHOP}.evil.example", "null"):
        answer = await post(served, wire, key, Origin=origin)
        assert answer.status_code == 403, (origin, answer.text)
        assert answer.headers["access-control-allow-origin"] == origin  # so that the page can read why
    assert (await post(served, wire, key)).status_code == 403


async def test_a_right_key_is_taken(served: Platform, wire: Wire) -> None:
    assert (await post(served, wire, await served.secret(kind="write"))).is_success
    assert (await post(served, wire, await served.secret(scopes=["ingest"]))).is_success
