"""The tracker as browsers load it: ``GET /tracker.js`` (a script tag) and ``/tracker.mjs`` (a module); and scripts of the
operator's own beside it (``own_scripts``).

``node_build.py`` puts the files into ``static/`` beside this one, compressed once at build time. They are read when the
router is made: 22 kB in memory.
"""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter, Request, Response

from millrace_core.errors import NotFound
from millrace_web.static import Forms, file_response, read_forms

NAMES: Final = ("tracker.js", "tracker.mjs")
_HEADERS: Final = {
    # The URL has no version in it: an hour is how long a new tracker may take to arrive everywhere.
    "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
    # Any page may load it, modules and pages under COEP too.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


def scripts_router(folder: Traversable | None = None, own: Mapping[str, Forms] | None = None) -> APIRouter:
    """Routes of both scripts, and of the operator's own.

    Args:
        folder: where they are; the package's own by default. Where they are missing the routes answer 404, saying what to do.
        own: as ``own_scripts`` reads them.
    """
    place = folder if folder is not None else files("millrace_ingestion").joinpath("static")
    router = APIRouter(tags=["tracker"])
    for name in NAMES:
        _add(router, name, read_forms(place, name))
    for name, scripts in (own or {}).items():
        _add(router, name, scripts, is_documented=False)
    return router


def _add(router: APIRouter, name: str, there: Forms, *, is_documented: bool = True) -> None:
    @router.get(
        f"/{name}",
        response_class=Response,
        name=name,
        responses={200: {"content": {"text/javascript": {}}}, 304: {"description": "Not changed."}},
        summary=f"The tracker, {'as a module' if name.endswith('.mjs') else 'for a script tag'}",
        include_in_schema=is_documented,
    )
    @router.head(f"/{name}", include_in_schema=False)
    async def script(request: Request) -> Response:
        if "identity" not in there:
            raise NotFound(
                "The tracker is not built: run `make tracker` where the server is installed, then start it again.",
                code="tracker_not_built",
            )
        return file_response(request, there, "text/javascript", _HEADERS)
