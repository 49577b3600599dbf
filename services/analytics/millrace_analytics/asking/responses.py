"""Answers to statements, as HTTP has them."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import msgspec
from fastapi import Request, Response
from starlette.responses import StreamingResponse

from millrace_analytics.asking.sql import SqlAnswer, SqlAsking, SqlQuestion
from millrace_analytics.asking.timing import headers_of
from millrace_warehouse.statement_ports import FileForm
from millrace_web.disconnects import while_connected

TYPES: Final[Mapping[FileForm, str]] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "jsonl": "application/jsonl",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
FILES: Final[dict[str, Any]] = {
    media.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for media in TYPES.values()
}
"""The same, as OpenAPI says it."""
_ENDS: Final[Mapping[FileForm, str]] = {"csv": "csv", "jsonl": "jsonl", "arrow": "arrows", "parquet": "parquet"}


def is_fresh(request: Request) -> bool:
    """Whether the client wants nothing that was kept (``Cache-Control: no-cache``)."""
    said = request.headers.get("cache-control", "").lower()
    return "no-cache" in said or "no-store" in said or "max-age=0" in said.replace(" ", "")


async def rows_response(request: Request, asking: SqlAsking, asked: SqlQuestion) -> Response:
    """Rows as the realtime family documents them. Raises as :meth:`SqlAsking.rows`, and ClientGone."""
    answer = await while_connected(request, asking.rows(asked))
    body: dict[str, Any] = {
        "success": True,
        "data": answer.table.data,
        "columns": answer.table.columns,
        "row_count": answer.table.row_count,
        "truncated": answer.table.truncated,
        "execution_time_ms": round(answer.seconds * 1000, 2),
    }
    return json_response(body, answer)


def json_response(body: dict[str, Any], answer: SqlAnswer) -> Response:
    """A body with what is told of every answer; ``stale`` only where it is."""
    marked = body | {"stale": True} if answer.outcome == "stale" else body
    headers = headers_of(answer.timing, answer.outcome, answer.age_seconds)
    return Response(msgspec.json.encode(marked), media_type="application/json", headers=headers)


async def file_response(request: Request, asking: SqlAsking, asked: SqlQuestion, form: FileForm) -> Response:
    """All rows as a file. What is wrong before the first piece is an error as usual; what is wrong behind it cuts the
    connection, so that nobody takes a part of a file for all of it. Raises as ``rows_response``."""
    pieces = asking.file(asked, form)
    first = await while_connected(request, _next(pieces))
    headers = {"Content-Disposition": f'attachment; filename="answer.{_ENDS[form]}"', "X-Cache": "bypass"}
    return StreamingResponse(_behind(first, pieces), media_type=TYPES[form], headers=headers)


async def _next(pieces: AsyncGenerator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _behind(first: bytes | None, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        if first is not None:
            yield first
            async for piece in pieces:
                yield piece
    finally:
        await pieces.aclose()
