"""Clients that hang up before they are answered."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from fastapi import Request, Response

_Result = TypeVar("_Result")

CLIENT_GONE: Final = 499
"""The status that nobody sees, by nginx's number, for logs and metrics."""


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


async def while_connected(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
    """What the work comes to; it is cancelled when the client hangs up. The request's body has to be read before.

    Raises:
        ClientGone: it did.
    """
    working = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnect_of(request))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _disconnect_of(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def answer_nobody(_: Request, __: Exception) -> Response:
    """Handles :class:`ClientGone`."""
    return Response(status_code=CLIENT_GONE)
