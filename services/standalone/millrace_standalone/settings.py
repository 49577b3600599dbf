"""Settings of the server processes: each has those of the services that it runs."""

from typing import Literal, Self

from pydantic import Field, model_validator

from millrace_analytics.settings import AnalyticsSettings
from millrace_consumer.settings import ConsumerSettings
from millrace_eventlog.settings import LogSettings
from millrace_ingestion.settings import IngestionSettings
from millrace_records.settings import CacheSettings, RecordsSettings
from millrace_service.settings import PREFIX, ServerSettings, is_loopback
from millrace_service.tracing import TracingSettings
from millrace_warehouse.query_settings import QuerySettings
from millrace_warehouse.settings import WarehouseSettings


class DemoSettings(ServerSettings):
    """The demo shop."""

    demo_shop: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether the shop at `/demo` is served, whose visitors are events of `demo_tenant`. `auto` serves it on "
        "loopback addresses only. With `MILLRACE_AUTH=required` it is not served, as it has no key.",
    )

    @property
    def has_demo_shop(self) -> bool:
        """Whether the server has the shop."""
        wanted = self.demo_shop == "on" or (self.demo_shop == "auto" and is_loopback(self.host))
        return wanted and not self.requires_keys


class StandaloneSettings(
    DemoSettings,
    LogSettings,
    WarehouseSettings,
    RecordsSettings,
    CacheSettings,
    QuerySettings,
    IngestionSettings,
    ConsumerSettings,
    AnalyticsSettings,
    TracingSettings,
):
    """Everything that any of its services reads."""


class _OneOfSeveral(ServerSettings, LogSettings, TracingSettings):
    """A process beside others: they meet in Kafka and in a server, as an embedded engine is of one process."""

    @model_validator(mode="after")
    def _engines_are_shared(self) -> Self:
        wrong = self._embedded()
        if wrong:
            raise ValueError(
                f"{' and '.join(wrong)}: an embedded engine is of one process, which is `millrace up` with all services in it"
            )
        return self

    def _embedded(self) -> list[str]:
        """What each setting of an embedded engine has to be instead."""
        if (self.log_url or "").startswith("kafka://"):
            return []
        return [f"{PREFIX}LOG_URL has to be kafka://<host>:<port>/<topic>"]


class _OneOfSeveralAtTheWarehouse(_OneOfSeveral, WarehouseSettings):
    """One that opens the warehouse, too."""

    def _embedded(self) -> list[str]:
        if self.warehouse_is_server:
            return super()._embedded()
        return [
            *super()._embedded(),
            f"{PREFIX}WAREHOUSE_URL has to be clickhouse://<user>:<password>@<host>:<port>/<database>",
        ]


class _SharesKeys(ServerSettings, RecordsSettings):
    """Keys are the same in every process."""

    @model_validator(mode="after")
    def _keys_are_shared(self) -> Self:
        if self.requires_keys and not self.records_are_served:
            raise ValueError(
                f"{PREFIX}AUTH=required: the keys are in the records, which all processes have to share: set "
                f"{PREFIX}RECORDS_URL to postgresql://<user>:<password>@<host>:<port>/<database>"
            )
        return self


class IngestionProcessSettings(_SharesKeys, _OneOfSeveral, CacheSettings, IngestionSettings, DemoSettings):
    """``millrace ingestion``."""

    port: int = Field(8000, ge=0, le=65535)


class AnalyticsProcessSettings(_SharesKeys, _OneOfSeveralAtTheWarehouse, CacheSettings, QuerySettings, AnalyticsSettings):
    """``millrace analytics``."""

    port: int = Field(8001, ge=0, le=65535)


class ConsumerProcessSettings(_SharesKeys, _OneOfSeveralAtTheWarehouse, CacheSettings, ConsumerSettings):
    """``millrace consumer``."""

    port: int = Field(8002, ge=0, le=65535)
