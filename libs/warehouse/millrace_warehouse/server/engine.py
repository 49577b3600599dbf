"""A ClickHouse server: its two users, and what must be true of it before anything is stored there."""

from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import Error as DriverError

from millrace_core.errors import StartRefused
from millrace_core.tenants import is_tenant
from millrace_warehouse.clickhouse.engine import Settings
from millrace_warehouse.clickhouse.failures import EngineFailure, failure_of
from millrace_warehouse.migrations.layout import Layout
from millrace_warehouse.server.connection import ServerConnection

TENANT_SETTING: Final = "SQL_customer_id"
"""The custom setting that the row policies of the reader compare ``customer_id`` with."""

# The first with parseQueryToJSON, which the gate is built on.
_OLDEST: Final = (26, 8)
_CONNECT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 600.0
_AUTHENTICATION: Final = frozenset({192, 193, 194, 516})
_UNKNOWN_DATABASE: Final = 81

# For each request of the writer, whatever its profile says; what may not stand here, a profile must have: PROFILE.
_WRITER: Final[Settings] = {"async_insert": 0, "session_timezone": "UTC"}
# On a cluster an insert returns when its shards have it, on most of their replicas.
_SPREAD: Final[Settings] = {"distributed_foreground_insert": 1, "insert_quorum": "auto"}
# Who hangs up does not want to know any more: the server ends what it reads for them.
_READER: Final[Settings] = {
    "session_timezone": "UTC",
    "implicit_select": 0,
    "use_query_cache": 0,
    "cancel_http_readonly_queries_on_client_close": 1,
}

PROFILE: Final[Mapping[str, str]] = {
    "type_json_skip_duplicated_paths": "1",
    "input_format_try_infer_dates": "0",
    "input_format_try_infer_datetimes": "0",
}
"""What the writer's profile must say: set on an insert alone, a later mutation of the same rows would fail."""


class ServerEngine:
    """Engine on a server.

    Args:
        writer: of the user that may write.
        reader: of the user that tenants' statements run as; without one there are no reads of tenants.
    """

    is_shared = True
    files = None

    def __init__(self, writer: AsyncClient, reader: AsyncClient | None, database: str, layout: Layout) -> None:
        self.database = database
        self.layout = layout
        self._writer = writer
        self._reader = reader

    @classmethod
    async def open(cls, writer_url: str, reader_url: str | None, cluster: str | None) -> Self:
        """Connect as both users.

        Args:
            writer_url: ``clickhouse://user:password@host:8123/database``, or ``clickhouses://`` for TLS.
            reader_url: likewise, of the other user.
            cluster: the name of the cluster that the tables are spread over.

        Raises:
            StartRefused: a server is not reached, or it is not one that this code can use.
        """
        writer = await _client("MILLRACE_WAREHOUSE_URL", writer_url)
        try:
            await _check(writer)
            reader = await _client("MILLRACE_WAREHOUSE_READER_URL", reader_url) if reader_url else None
        except BaseException:
            await writer.close()
            raise
        return cls(writer, reader, urlsplit(writer_url).path.strip("/"), Layout(cluster))

    async def admin(self, settings: Settings | None = None) -> ServerConnection:
        """See Engine."""
        spread = _SPREAD if self.layout.cluster else {}
        return ServerConnection(self._writer, {**_WRITER, **spread, **(settings or {})})

    async def tenant(self, tenant: str, limits: Settings) -> ServerConnection:
        """See Engine. Every request names the tenant, gives itself the limits, and gives up the right to change either."""
        if not is_tenant(tenant):
            raise ValueError("not a tenant's name")
        ours: Settings = {TENANT_SETTING: tenant, "log_comment": tenant, "quota_key": tenant, "readonly": 1}
        return ServerConnection(self._reading(), {**_READER, **limits, **ours})

    async def nobody(self) -> ServerConnection:
        """See Engine. Without the tenant's setting the row policies cannot be computed, so a table answers with an error."""
        return ServerConnection(self._reading(), {**_READER, "readonly": 1})

    async def close(self) -> None:
        """Close both users' connections."""
        for client in (self._writer, self._reader):
            if client is not None:
                await client.close()

    def _reading(self) -> AsyncClient:
        if self._reader is None:
            raise EngineFailure(0, "no reader is configured")
        return self._reader


async def create_database(writer_url: str, cluster: str | None) -> None:
    """Make the database of the URL if it is not there.

    Raises:
        StartRefused: the server is not reached, or does not allow it.
    """
    database = urlsplit(writer_url).path.strip("/")
    client = await _client("MILLRACE_WAREHOUSE_URL", writer_url, database="system")
    try:
        known = await client.query("SELECT 1 FROM system.databases WHERE name = {name:String}", parameters={"name": database})
        if not known.result_rows:
            await client.command(f"CREATE DATABASE IF NOT EXISTS {database}{Layout(cluster).on_cluster}")
    except DriverError as error:
        raise StartRefused(f"the database {database} cannot be made (engine code {failure_of(error).code})") from error
    finally:
        await client.close()


async def _client(setting: str, text: str, database: str | None = None) -> AsyncClient:
    url = urlsplit(text)
    try:
        return await clickhouse_connect.get_async_client(
            host=url.hostname,
            port=url.port or (8443 if url.scheme == "clickhouses" else 8123),
            secure=url.scheme == "clickhouses",
            username=unquote(url.username or "default"),
            password=unquote(url.password or ""),
            database=database or url.path.strip("/"),
            connect_timeout=_CONNECT_SECONDS,
            send_receive_timeout=_ANSWER_SECONDS,
            autogenerate_session_id=False,
            compress=False,  # the network between the two is faster than either end's compression
            form_encode_query_params=True,  # thousands of ids are longer than a URL may be
            client_name="millrace",
        )
    except (DriverError, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StartRefused(f"{setting}={_shown(url)}: {_why(failure_of(error), url)}") from error


async def _check(writer: AsyncClient) -> None:
    version = tuple(int(part) for part in str(writer.server_version).split(".")[:2])
    if version < _OLDEST:
        raise StartRefused(
            f"the warehouse is ClickHouse {writer.server_version}; {'.'.join(map(str, _OLDEST))} is the oldest that can be used"
        )
    for name, value in PROFILE.items():
        found = writer.server_settings.get(name)
        if found is None or found.value != value:
            raise StartRefused(
                f"the profile of the warehouse's writer has {name}={found.value if found else 'unknown'}: set it to {value}, "
                "as deploy/clickhouse/users.d does"
            )


def _why(failure: EngineFailure, url: SplitResult) -> str:
    if failure.code in _AUTHENTICATION:
        return f"the server refuses the user {url.username} or its password"
    if failure.code == _UNKNOWN_DATABASE:
        return f"the server has no database {url.path.strip('/')}: run `millrace migrate`, or create it"
    if failure.code:
        return f"the server refuses (engine code {failure.code})"
    return "no ClickHouse answers there"


def _shown(url: SplitResult) -> str:
    """The URL without its password."""
    return f"{url.scheme}://{url.username or 'default'}@{url.hostname}:{url.port or ''}{url.path}"
