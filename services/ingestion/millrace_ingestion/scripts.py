"""The tracker as browsers load it: ``GET /tracker.js`` (a script tag) and ``/tracker.mjs`` (a module); and scripts of the
operator's own beside it (``own_scripts``).

``sdk-js/build.py`` puts the files into ``static/`` beside this one, compressed once at build time. They are read when the
router is made: 22 kB in memory.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter, Request, Response

from millrace_core.errors import NotFound

NAMES: Final = ("tracker.js", "tracker.mjs")
_CODINGS: Final = (("br", ".br"), ("gzip", ".gz"), ("identity", ""))
"""Content codings and the endings of their files, smallest first."""
_HEADERS: Final = {
    # The URL has no version in it: an hour is how long a new tracker may take to arrive everywhere.
    "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
    "Vary": "Accept-Encoding",
    # Any page may load it, modules and pages under COEP too.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Script:
    """A script in one content coding."""

    content: bytes
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", f'"{hashlib.sha256(self.content).hexdigest()[:20]}"')


def scripts_router(folder: Traversable | None = None, own: Mapping[str, Mapping[str, Script]] | None = None) -> APIRouter:
    """Routes of both scripts, and of the operator's own.

    Args:
        folder: where they are; the package's own by default. Where they are missing the routes answer 404, saying what to do.
        own: as ``own_scripts`` reads them.
    """
    place = folder if folder is not None else files("millrace_ingestion").joinpath("static")
    router = APIRouter(tags=["tracker"])
    for name in NAMES:
        found = {coding: _read(place, name, ending) for coding, ending in _CODINGS}
        _add(router, name, {coding: script for coding, script in found.items() if script is not None})
    for name, scripts in (own or {}).items():
        _add(router, name, scripts, is_documented=False)
    return router


def _add(router: APIRouter, name: str, there: Mapping[str, Script], *, is_documented: bool = True) -> None:
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
        coding = next(each for each in there if each in _accepted(request.headers.get("accept-encoding", "")))
        file = there[coding]
        headers = {**_HEADERS, "ETag": file.etag}
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if coding != "identity":
            headers["Content-Encoding"] = coding
        return Response(file.content, headers=headers, media_type="text/javascript")


def _read(place: Traversable, name: str, ending: str) -> Script | None:
    file = place.joinpath(name + ending)
    return Script(file.read_bytes()) if file.is_file() else None


def _accepted(header: str) -> set[str]:
    """Content codings that a client takes (RFC 9110, 12.5.3): those that it names, but for those with a weight of 0."""
    accepted = {"identity"}
    for part in header.lower().split(","):
        coding, _, weight = part.partition(";")
        if weight.replace(" ", "").rstrip("0.") != "q=":
            accepted.add(coding.strip())
    return accepted
