"""A shop of two pages in FastAPI that tracks every page and every purchase.

MILLRACE_URL=http://localhost:8080 python fastapi_shop.py 8002
"""

import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from millrace_client import AsyncMillrace

millrace = AsyncMillrace(os.environ.get("MILLRACE_URL", "http://localhost:8080"), customer_id="fastapi_shop")

_VISITOR = "visitor"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Send on the server's loop; at its end, send what waits."""
    async with millrace:
        yield


app = FastAPI(lifespan=lifespan)


@app.middleware("http")
async def track_pages(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """A ``page_view`` for every page that was there."""
    visitor = request.cookies.get(_VISITOR) or uuid.uuid4().hex
    request.state.visitor = visitor
    response = await call_next(request)
    if request.method == "GET" and response.status_code == 200:
        millrace.page(
            request.url.path,
            visitor_id=visitor,
            page_url=str(request.url),
            referrer=request.headers.get("referer"),
            context={
                "userAgent": request.headers.get("user-agent", ""),
                "ip": request.client.host if request.client else "",
            },
        )
    response.set_cookie(_VISITOR, visitor, max_age=365 * 86_400, httponly=True, samesite="lax")
    return response


@app.get("/", response_class=HTMLResponse)
async def home() -> str:
    """The shop's window."""
    return "<h1>Mugs</h1><a href='/mug/'>A mug</a>"


@app.get("/mug/", response_class=HTMLResponse)
async def mug() -> str:
    """The one thing to buy."""
    return "<h1>A mug</h1>"


@app.post("/mug/", status_code=201)
def buy(request: Request) -> str:  # in a thread of the server's pool, from which tracking works, too
    """Buy it."""
    millrace.track("purchase", {"product": "mug", "amount": 12.5}, visitor_id=request.state.visitor)
    return "Thank you."


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
