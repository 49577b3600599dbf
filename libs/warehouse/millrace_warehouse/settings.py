"""Settings of the warehouse."""

import re
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult

from pydantic import Field, model_validator

from millrace_service.settings import PREFIX, Settings, names_host, split_url

_DATABASE: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
_SERVER: Final = ("clickhouse", "clickhouses")


class WarehouseSettings(Settings):
    """Where the warehouse is, and how long it keeps events."""

    warehouse_url: str | None = Field(
        None,
        description="`chdb:///<folder>`: the engine in this process. `clickhouse://<user>:<password>@<host>:8123/<database>`: "
        "a server (`clickhouses://` over TLS), as the user that may write. Without it the folder is `warehouse` in the data "
        "folder.",
        examples=["chdb:///var/lib/millrace/warehouse", "clickhouse://millrace_writer:secret@localhost:8123/analytics"],
        repr=False,
    )
    warehouse_reader_url: str | None = Field(
        None,
        description="The same server as the user that tenants' questions are asked as: read-only, under row policies.",
        examples=["clickhouse://millrace_reader:secret@localhost:8123/analytics"],
        repr=False,
    )
    warehouse_cluster: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$",
        description="Name of the cluster in the server's configuration: tables are replicated, and spread over its shards.",
    )
    warehouse_events_ttl_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Events are deleted this many days after their timestamp; 0 keeps them. Rollups stay. On a server it is "
        "set by `millrace migrate`.",
    )

    @model_validator(mode="after")
    def _urls_are_known(self) -> Self:
        url = split_url(self.warehouse_url)
        if self.warehouse_url is not None and not (_is_folder(url) or _is_server(url)):
            raise ValueError(
                f"{PREFIX}WAREHOUSE_URL={_shown(url)}: allowed is chdb:///<absolute folder> or "
                "clickhouse://<user>:<password>@<host>:<port>/<database>"
            )
        reader = split_url(self.warehouse_reader_url)
        if self.warehouse_reader_url is not None and not _is_server(reader):
            raise ValueError(
                f"{PREFIX}WAREHOUSE_READER_URL={_shown(reader)}: allowed is clickhouse://<user>:<password>@<host>:<port>/<database>"
            )
        if self.warehouse_cluster and not self.warehouse_is_server:
            raise ValueError(f"{PREFIX}WAREHOUSE_CLUSTER={self.warehouse_cluster}: only a server has clusters")
        return self

    @property
    def warehouse_is_server(self) -> bool:
        """Whether the warehouse is another process's."""
        return split_url(self.warehouse_url).scheme in _SERVER

    def warehouse_folder(self, data_dir: Path) -> Path:
        """The folder of the engine in this process."""
        if self.warehouse_url is None:
            return data_dir.resolve() / "warehouse"
        return Path(split_url(self.warehouse_url).path)


def _is_folder(url: SplitResult) -> bool:
    return url.scheme == "chdb" and not url.netloc and len(url.path) > 1


def _is_server(url: SplitResult) -> bool:
    return url.scheme in _SERVER and names_host(url) and _DATABASE.match(url.path.strip("/")) is not None


def _shown(url: SplitResult) -> str:
    """The URL without its password."""
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
