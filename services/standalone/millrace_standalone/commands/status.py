"""``millrace status``: how a running server is."""

import json
from typing import Any

import click

from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.progress import amount
from millrace_standalone.commands.server_options import needs_admin


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@needs_admin
def status(client: AdminClient, as_json: bool) -> None:
    """Lag, freshness, sizes and dead letters of the running server."""
    told = client.status()
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(_text(client.url, told))


def _text(url: str, told: dict[str, Any]) -> str:
    lag, fresh = told["lag"], told["freshness"]
    checks = ", ".join(f"{name} {outcome}" for name, outcome in told["checks"].items())
    freshness = (
        "nothing stored since the start"
        if fresh["average_seconds"] is None
        else f"{fresh['average_seconds']:.2f} s from accepted to queryable on average, the oldest event of each batch"
    )
    audit = told["audit"]
    audited = (
        "none yet"
        if audit is None
        else f"{audit['duplicate_rows']:,} rows stored twice, {audit['rollup_differences']:,} rollup buckets that differ, "
        f"in the {audit['hours']} hours before {audit['at']}"
    )
    tables = "\n".join(
        f"  {one['table']:<20}{one['rows']:>16,} rows{amount(one['bytes']):>12}{one['parts']:>6} parts"
        for one in told["tables"]
    )
    return (
        f"Millrace {told['version']} at {url}\n\n"
        f"Checks        {checks}\n"
        f"Lag           {lag['events']:,} events, {amount(lag['bytes'])}, {lag['seconds']:.1f} s\n"
        f"Freshness     {freshness}\n"
        f"Last audit    {audited}\n"
        f"Dead letters  {told['dead_letters']:,}\n"
        f"Log           {amount(told['log_bytes'])}\n"
        f"Tables\n{tables}"
    )
