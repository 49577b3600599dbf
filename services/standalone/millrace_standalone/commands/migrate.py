"""``millrace migrate``: make on other machines what the platform needs there."""

import asyncio

import click

from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import migrate_log
from millrace_records.settings import RecordsSettings
from millrace_records.wiring import migrate_records
from millrace_warehouse.settings import WarehouseSettings
from millrace_warehouse.wiring import migrate_warehouse


@click.command()
def migrate() -> None:
    """Make Kafka's topics and the tables of ClickHouse and PostgreSQL, or bring them up to date.

    They are made here and nowhere else, with the settings that delivery relies on. What an embedded engine needs is made when
    the server starts.
    """
    done = asyncio.run(_migrate(LogSettings.load(), WarehouseSettings.load(), RecordsSettings.load()))
    click.echo("".join(f"{each}\n" for each in done) or "nothing to do\n", nl=False)


async def _migrate(log: LogSettings, warehouse: WarehouseSettings, records: RecordsSettings) -> list[str]:
    made = [f"made the topic {name}" for name in await migrate_log(log)]
    made += [f"ran the migration {name} of the warehouse" for name in await migrate_warehouse(warehouse)]
    return made + [f"ran the migration {name} of the records" for name in await migrate_records(records)]
