"""``millrace migrate``: make on other machines what the platform needs there."""

import asyncio

import click

from millrace_eventlog.settings import LogSettings
from millrace_eventlog.wiring import migrate_log


@click.command()
def migrate() -> None:
    """Make the topics of Kafka that are not there yet.

    Topics are made here and nowhere else, with the settings that delivery relies on. What an embedded engine needs is made when
    the server starts.
    """
    made = asyncio.run(migrate_log(LogSettings.load()))
    click.echo("".join(f"made the topic {name}\n" for name in made) or "nothing to do\n", nl=False)
