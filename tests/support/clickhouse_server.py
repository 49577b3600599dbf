"""ClickHouse's HTTP interface over the embedded engine: ``python -m tests.support.clickhouse_server DIR PORT [ADDRESS]``.

It stands in for a server where none can be had, so that the server's adapter and the processes around it are exercised by
real requests. What it does as a server does: basic authentication of a writer and a read-only reader, settings and bound
parameters of a request, inserts with a deduplication token, error codes, several requests at once. What it maps: the
reader's custom setting ``SQL_customer_id`` to the row policy of the embedded engine. What it has not: quotas, clusters,
other interfaces.
"""

import asyncio
import os
import re
import sys
from base64 import b64decode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine
from millrace_warehouse.migrations.tables import DATABASE
from millrace_warehouse.server.engine import TENANT_SETTING
from tests.support.checker import connect

# The variables are those that the users' file of a real server reads (deploy/clickhouse/users.d).
WRITER = ("millrace_writer", os.environ.get("MILLRACE_WRITER_PASSWORD", "writer-secret"))
READER = ("millrace_reader", os.environ.get("MILLRACE_READER_PASSWORD", "reader-secret"))
_PASSWORDS: Final = dict([WRITER, READER])

_OF_THE_TRANSPORT: Final = frozenset(
    "query database session_id session_timeout session_check query_id quota_key compress decompress buffer_size "
    "wait_end_of_query client_protocol_version role send_progress_in_http_headers http_headers_progress_interval_ms "
    "enable_http_compression user password default_format cancel_http_readonly_queries_on_client_close".split()
)
_FORMAT: Final = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_INSERT: Final = re.compile(rb"^\s*INSERT\s+INTO\s+[^\n]*?\bFORMAT\s+(\w+)[ \t]*\n?", re.IGNORECASE)
_READING: Final = re.compile(r"\s*(SELECT|WITH|SHOW|DESCRIBE|\()", re.IGNORECASE)
_CODE: Final = re.compile(r"Code: (\d+)")
_THREADS: Final = 32


class Refused(Exception):
    """What the server answers instead of rows."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Server:
    """Requests on the engine; each runs on a connection of its own, as nothing of it may reach another."""

    def __init__(self, folder: Path, engine: ChdbEngine) -> None:
        options = urlencode({"config-file": str(folder / "config.xml")})
        self._url = f"{(folder / 'engine').resolve()}?{options}"
        self._marker = engine._marker
        self._threads = ThreadPoolExecutor(_THREADS)

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        given = dict(request.query_params)
        kind = request.headers.get("content-type", "")
        if kind.startswith("multipart/"):
            given |= _form(kind, body)
            body = b""
        try:
            user = _user(request.headers.get("authorization", ""))
            loop = asyncio.get_running_loop()
            answer, form = await loop.run_in_executor(self._threads, self._run, user, given, body)
        except Refused as refused:
            status = 403 if refused.code == 516 else 500
            return Response(f"{refused}\n", status, {"X-ClickHouse-Exception-Code": str(refused.code)})
        headers = {
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Summary": "{}",
            **({"X-ClickHouse-Format": form} if form else {}),
        }
        return Response(answer, headers=headers, media_type="application/octet-stream")

    def _run(self, user: str, given: Mapping[str, str], body: bytes) -> tuple[bytes, str]:
        parameters = {name.removeprefix("param_"): value for name, value in given.items() if name.startswith("param_")}
        settings = {
            name: value for name, value in given.items() if name not in _OF_THE_TRANSPORT and not name.startswith("param_")
        }
        settings = self._as(user, settings)
        connection = connect(self._url)
        try:
            for name, value in settings.items():
                connection.query(f"SET {name} = {_quoted(value)}", "TSV")
            if database := given.get("database"):
                connection.query(f"USE `{database}`", "TSV")
            sql = given.get("query", "").encode()
            if user == WRITER[0] and (found := _INSERT.match(sql or body)):
                return _insert(connection, sql, body, found), ""
            text = (sql or body).decode()
            if user == READER[0] and not _READING.match(text):
                raise Refused(497, f"Code: 497. DB::Exception: {user}: Not enough privileges")
            named = _FORMAT.search(text)
            form = named[1] if named else given.get("default_format", "TabSeparated")
            answer = connection.query(text, form, params=parameters).bytes() or b""
        except RuntimeError as error:
            code = _CODE.search(str(error))
            raise Refused(int(code[1]) if code else 1002, str(error)) from error
        finally:
            connection.close()
        return answer, form if answer else ""

    def _as(self, user: str, settings: dict[str, str]) -> dict[str, str]:
        """The settings of the request, ending with whom the row policies are told that it is."""
        tenant = settings.pop(TENANT_SETTING, None)
        settings.pop("log_comment", None)
        readonly = settings.pop("readonly", None)
        if user == WRITER[0]:
            return {**settings, "log_comment": self._marker}
        return {**settings, "log_comment": tenant or "", **({"readonly": readonly} if readonly else {})}


def _insert(connection: Any, sql: bytes, body: bytes, found: "re.Match[bytes]") -> bytes:
    """Rows behind the statement, or beside it in the body: the engine reads them as a file."""
    rows = body if sql else body[found.end() :]
    head = found[0].decode().rstrip()
    head = head[: head.upper().rindex("FORMAT")]
    descriptor = os.memfd_create("rows")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(rows)
        connection.query(f"{head} FROM INFILE '/proc/self/fd/{descriptor}' FORMAT {found[1].decode()}", "TSV")
    finally:
        os.close(descriptor)
    return b""


def _user(authorization: str) -> str:
    try:
        name, _, password = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    except ValueError:
        name, password = "", ""
    if _PASSWORDS.get(name) != password or not password:
        raise Refused(516, f"Code: 516. DB::Exception: {name}: Authentication failed")
    return name


def _form(kind: str, body: bytes) -> dict[str, str]:
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=HTTP)
    found = {}
    for part in message.iter_parts():
        content: Any = part.get_payload(decode=True)
        found[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return found


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


async def _ping(_: Request) -> Response:
    return Response("Ok.\n")


async def _serve(folder: Path, port: int, address: str) -> None:
    engine = await ChdbEngine.open(folder, Metrics())
    keeping = await engine.admin()  # the engine stays open as long as a connection does
    await keeping.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    server = _Server(folder, engine)
    app = Starlette(routes=[Route("/ping", _ping), Route("/", server.handle, methods=["GET", "POST"])])
    config = uvicorn.Config(app, host=address, port=port, log_level="warning", loop="uvloop")
    await uvicorn.Server(config).serve()
    await keeping.close()
    await engine.close()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), *(sys.argv[3:] or ["127.0.0.1"])))
