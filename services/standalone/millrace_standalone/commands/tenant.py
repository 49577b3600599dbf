"""``millrace tenant``: what is settled for single tenants."""

from typing import Any

import click

from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.server_options import needs_admin


@click.group()
def tenant() -> None:
    """Settings of single tenants. A tenant without any needs no record: it has the defaults."""


@tenant.command("list")
@needs_admin
def list_tenants(client: AdminClient) -> None:
    """List the tenants that have settings of their own."""
    tenants = client.tenants()
    click.echo("\n".join(_line(one) for one in tenants) if tenants else "No tenant has settings of its own.")


@tenant.command("show")
@click.argument("name")
@needs_admin
def show_tenant(client: AdminClient, name: str) -> None:
    """Show one tenant's settings."""
    click.echo(_line(client.tenant(name)))


@tenant.command("set")
@click.argument("name")
@click.option(
    "--tier", type=click.Choice(["default", "enterprise"]), help="What it may send: as everyone, or 100,000 events a minute."
)
@click.option("--events-a-minute", type=int, help="A limit of its own; 0 goes back to the tier's.")
@click.option("--retention-days", type=int, help="Delete its events after so many days; 0 keeps them as all others.")
@click.option("--time-zone", help="Like Europe/Berlin.")
@needs_admin
def set_tenant(
    client: AdminClient,
    name: str,
    tier: str | None,
    events_a_minute: int | None,
    retention_days: int | None,
    time_zone: str | None,
) -> None:
    """Change a tenant's settings; what is not named stays as it is."""
    given = {"tier": tier, "events_a_minute": events_a_minute, "retention_days": retention_days, "time_zone": time_zone}
    known = client.tenant_or_none(name) or {}
    settled: dict[str, Any] = {field: known[field] for field in given if field in known}
    settled |= {field: value or None for field, value in given.items() if value is not None}
    click.echo(_line(client.put_tenant(name, settled)))


@tenant.command("remove")
@click.argument("name")
@needs_admin
def remove_tenant(client: AdminClient, name: str) -> None:
    """Forget a tenant's settings. Its events stay."""
    client.remove_tenant(name)
    click.echo(f"{name} has the defaults again.")


def _line(one: dict[str, Any]) -> str:
    kept = f"{one['retention_days']:,} days" if one["retention_days"] else "kept as all others"
    limit = "everyone's limit" if one["limit"] is None else f"{one['limit']:,} events a minute"
    return f"{one['name']:<24}  {one['tier']:<10}  {limit:<24}  {kept:<20}  {one['time_zone']}"
