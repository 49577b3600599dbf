"""Files that were compressed when they were built, served from memory in the smallest form that the client takes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import Request, Response

_CODINGS: Final = (("br", ".br"), ("gzip", ".gz"), ("identity", ""))
"""Content codings and the endings of their files, smallest first."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A file in one content coding."""

    content: bytes
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", f'"{hashlib.sha256(self.content).hexdigest()[:20]}"')


Forms = Mapping[str, Coded]
"""A file by content coding, smallest first; empty where it is not there."""


def read_forms(place: Traversable, name: str) -> Forms:
    """The file of this name and its compressed copies beside it (``.br``, ``.gz``)."""
    found = {coding: place.joinpath(name + ending) for coding, ending in _CODINGS}
    return {coding: Coded(file.read_bytes()) for coding, file in found.items() if file.is_file()}


def file_response(request: Request, forms: Forms, media_type: str, headers: Mapping[str, str]) -> Response:
    """The file, or 304 where the client has it.

    Args:
        forms: has ``identity``, which every client takes.
        headers: said of it in any form; ``Vary`` is not among them.
    """
    coding = next(each for each in forms if each in _accepted(request.headers.get("accept-encoding", "")))
    file = forms[coding]
    told = {**headers, "Vary": "Accept-Encoding", "ETag": file.etag}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=told)
    if coding != "identity":
        told["Content-Encoding"] = coding
    return Response(file.content, headers=told, media_type=media_type)


def _accepted(header: str) -> set[str]:
    """Content codings that a client takes (RFC 9110, 12.5.3): those that it names, but for those with a weight of 0."""
    accepted = {"identity"}
    for part in header.lower().split(","):
        coding, _, weight = part.partition(";")
        if weight.replace(" ", "").rstrip("0.") != "q=":
            accepted.add(coding.strip())
    return accepted
