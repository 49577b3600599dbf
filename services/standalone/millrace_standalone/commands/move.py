"""``millrace move``: from one machine to Kafka, a ClickHouse server and PostgreSQL."""

import asyncio
from pathlib import Path

import click

from millrace_core.errors import InvalidInput
from millrace_eventlog.settings import LogSettings
from millrace_records.settings import RecordsSettings
from millrace_service.logging import configure_logging
from millrace_standalone.commands.progress import Progress
from millrace_standalone.commands.server_options import data_dir_option
from millrace_standalone.moving import move as run_move
from millrace_standalone.settings import StandaloneSettings
from millrace_warehouse.settings import WarehouseSettings


@click.command()
@click.option("--to-log", required=True, metavar="URL", help="kafka://<host>:<port>/<topic>, as MILLRACE_LOG_URL will be.")
@click.option(
    "--to-warehouse",
    required=True,
    metavar="URL",
    help="clickhouse://<user>:<password>@<host>:<port>/<database>, as MILLRACE_WAREHOUSE_URL will be.",
)
@click.option(
    "--to-records",
    required=True,
    metavar="URL",
    help="postgresql://<user>:<password>@<host>:<port>/<database>, as MILLRACE_RECORDS_URL will be.",
)
@data_dir_option
def move(to_log: str, to_warehouse: str, to_records: str, data_dir: Path | None) -> None:
    """Take everything from a folder of `millrace up` to the distributed size.

    Stop the server on the folder first, and run `millrace migrate` for the new places. The folder stays as it is. Stopped in
    the middle, the same command goes on from there; run again after more events came in, it takes only those.
    """
    log, warehouse = LogSettings.load(log_url=to_log), WarehouseSettings.load(warehouse_url=to_warehouse)
    records = RecordsSettings.load(records_url=to_records)
    if not to_log.startswith("kafka://"):
        raise InvalidInput("--to-log has to be kafka://<host>:<port>/<topic>")
    if not warehouse.warehouse_is_server:
        raise InvalidInput("--to-warehouse has to be clickhouse://<user>:<password>@<host>:<port>/<database>")
    if not records.records_are_served:
        raise InvalidInput("--to-records has to be postgresql://<user>:<password>@<host>:<port>/<database>")
    source = _source(data_dir)
    configure_logging("warning", source.log_format)
    shown: dict[str, Progress] = {}

    def told(what: str, done: int, whole: int) -> None:
        progress = shown.setdefault(what, Progress(f"moving {what}", float(whole)))
        progress.show(done, f"{done:,} of {whole:,}", last=done >= whole)

    counts = asyncio.run(run_move(source, log, warehouse, records, told))
    click.echo(f"{counts.events:,} events there were, {counts.events_arrived:,} arrived; {counts.letters:,} dead letters.")
    if counts.hours_repaired:
        click.echo(f"The rollups of {counts.hours_repaired:,} hours were computed anew.")


def _source(data_dir: Path | None) -> StandaloneSettings:
    """Of the embedded engines on the folder, even where the environment names the new places already."""
    settings = StandaloneSettings.load(data_dir=data_dir)
    folder = settings.data_dir.resolve()
    log_url, warehouse_url = settings.log_url or "", settings.warehouse_url or ""
    records_url = settings.records_url or ""
    return StandaloneSettings.load(
        data_dir=folder,
        log_url=log_url if log_url.startswith("sqlite:") else f"sqlite:///{folder / 'log.db'}",
        warehouse_url=warehouse_url if warehouse_url.startswith("chdb:") else f"chdb://{folder / 'warehouse'}",
        records_url=records_url if records_url.startswith("sqlite:") else f"sqlite:///{folder / 'records.db'}",
    )
