"""Settings of the process that runs everything."""

from pydantic import Field

from millrace_analytics.settings import AnalyticsSettings
from millrace_consumer.settings import ConsumerSettings
from millrace_eventlog.settings import LogSettings
from millrace_ingestion.settings import IngestionSettings
from millrace_service.settings import ServerSettings
from millrace_warehouse.query_settings import QuerySettings
from millrace_warehouse.settings import WarehouseSettings


class StandaloneSettings(
    ServerSettings, LogSettings, WarehouseSettings, QuerySettings, IngestionSettings, ConsumerSettings, AnalyticsSettings
):
    """Everything that any of its services reads."""

    allowed_hosts: list[str] = Field(
        [],
        description='Host names that are answered besides `localhost` and the loopback addresses, as a JSON list; `["*"]` is '
        "every name. Without it a server that listens on another address than loopback answers every name.",
    )
