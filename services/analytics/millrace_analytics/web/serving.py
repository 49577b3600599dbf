"""The page as browsers load it: ``/`` for whoever asks for HTML, and ``/assets/{name}``.

``node_build.py`` puts the files into ``static/`` beside this one, compressed once at build time. They are read when the page is
made: about 2 MB in memory, most of it fonts. A name of an asset holds a hash of its content, so that it never changes.
"""

from collections.abc import Collection, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter, Request, Response

from millrace_analytics.web.look import Look
from millrace_core.errors import NotFound
from millrace_web.static import Forms, file_response, read_forms

_INDEX: Final = "index.html"
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".md": "text/plain",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; "  # the editor draws its underlines as data:
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_ASSET_HEADERS: Final = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_NOT_BUILT: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Millrace</title>
<h1>The page is not built</h1>
<p>The server runs and answers; only its page is missing. Run <code>make page</code> where it is installed (Node 20.19 or newer
builds it, or one that is downloaded), then start the server again.</p>
<p>The API is described <a href="docs">here</a>.</p></html>
"""


class Page:
    """The built page.

    Args:
        folder: where it is; the package's own by default. Where it is missing browsers are told what to do.
    """

    def __init__(self, folder: Traversable | None = None) -> None:
        place = folder if folder is not None else files("millrace_analytics").joinpath("web", "static")
        self._index = read_forms(place, _INDEX)
        self._assets = _assets(place) if place.is_dir() else {}

    @property
    def look(self) -> Look:
        """Its stylesheets and icon, for forms that stand beside it."""
        return Look.of_index(self._index["identity"].content) if self._index else Look()

    @property
    def public_paths(self) -> Collection[str]:
        """What is loaded before anybody has signed in."""
        return [f"/assets/{name}" for name in self._assets]

    def for_browser(self, request: Request) -> Response | None:
        """The page for whoever asks for HTML; None for every other client, ``*/*`` included."""
        if not _wants_html(request.headers.get("accept", "")):
            return None
        if not self._index:
            return Response(_NOT_BUILT, 404, {**_HEADERS, "Vary": "Accept"}, media_type="text/html")
        answer = file_response(request, self._index, "text/html", _HEADERS)
        answer.headers["Vary"] = "Accept, Accept-Encoding"
        return answer

    def router(self) -> APIRouter:
        """``/assets/{name}``."""
        router = APIRouter(include_in_schema=False)

        @router.get("/assets/{name}")
        @router.head("/assets/{name}")
        async def asset(name: str, request: Request) -> Response:
            if name not in self._assets:
                raise NotFound("The page has no such file.")
            ending = name[name.rfind(".") :]
            return file_response(request, self._assets[name], _TYPES[ending], _ASSET_HEADERS)

        return router


def _assets(place: Traversable) -> Mapping[str, Forms]:
    names = [file.name for file in place.iterdir() if file.name != _INDEX and file.name.endswith(tuple(_TYPES))]
    return {name: read_forms(place, name) for name in names}


def _wants_html(accept: str) -> bool:
    """Whether HTML is named, and not as what the client would rather not have."""
    for part in accept.lower().split(","):
        kind, _, weight = part.partition(";")
        if kind.strip() == "text/html":
            return not weight.replace(" ", "").startswith("q=0") or weight.replace(" ", "").startswith("q=0.")
    return False
