"""``millrace version``."""

import click

from millrace_standalone.process import version as installed_version


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(installed_version())
