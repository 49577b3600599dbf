"""``millrace ingestion``, ``consumer``, ``analytics``: one service in this process, on Kafka and a ClickHouse server.

The composition root is imported behind the settings, so that a wrong one is told at once.
"""

from typing import TYPE_CHECKING, Any

import click

from millrace_service.logging import configure_logging
from millrace_service.settings import ServerSettings
from millrace_standalone.commands.server_options import listening
from millrace_standalone.settings import AnalyticsProcessSettings, ConsumerProcessSettings, IngestionProcessSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from millrace_standalone.process import Process


@click.command()
@listening(8000)
def ingestion(**given: Any) -> None:
    """Run ingestion alone: tracking requests into Kafka."""
    settings = IngestionProcessSettings.load(**given)
    from millrace_standalone.wiring import open_ingestion  # noqa: PLC0415

    _serve("ingestion", settings, lambda: open_ingestion(settings))


@click.command()
@listening(8002)
def consumer(**given: Any) -> None:
    """Run a consumer alone: from Kafka into the warehouse.

    The commands `status`, `dlq`, `privacy`, `rebuild` and `audit` ask a consumer on the same data folder.
    """
    settings = ConsumerProcessSettings.load(**given)
    from millrace_standalone.wiring import open_consumer  # noqa: PLC0415

    _serve("consumer", settings, lambda: open_consumer(settings), announces=True)


@click.command()
@listening(8001)
def analytics(**given: Any) -> None:
    """Run analytics alone: questions, dashboards and live streams."""
    settings = AnalyticsProcessSettings.load(**given)
    from millrace_standalone.wiring import open_analytics  # noqa: PLC0415

    _serve("analytics", settings, lambda: open_analytics(settings))


def _serve(
    name: str,
    settings: ServerSettings,
    opening: "Callable[[], AbstractAsyncContextManager[Process]]",
    *,
    announces: bool = False,
) -> None:
    import uvloop  # noqa: PLC0415

    from millrace_standalone import process  # noqa: PLC0415

    configure_logging(settings.log_level, settings.log_format)

    def greet(url: str) -> None:
        click.echo(f"Millrace {name} answers at {url}", err=True)

    uvloop.run(process.run(settings, opening, greet, announces=announces))
