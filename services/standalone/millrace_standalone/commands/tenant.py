"""``millrace tenant``: what is settled for single tenants."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.server_options import needs_admin


def _days(_context: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> Mapping[str, int]:
    """Days by event type of arguments like ``purchase=730``."""
    found = {}
    for one in given:
        event_type, _, days = one.rpartition("=")
        if not event_type or not (days.isdecimal() and len(days) < 10):
            raise click.BadParameter(f"{one}: write it like purchase=730")
        found[event_type] = int(days)
    return found


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
@click.option(
    "--deny",
    multiple=True,
    metavar="FIELD",
    help="Never store this field: user_id, visitor_id, session_id, ip, page_url, referrer, properties.<path>, context.<path>, "
    "or query.<parameter> of any address. Several are allowed.",
)
@click.option(
    "--hash",
    "hashed",
    multiple=True,
    metavar="FIELD",
    help="Store only an HMAC-SHA256 of this id or value. Several are allowed.",
)
@click.option("--keep", multiple=True, metavar="FIELD", help="Store this field as it is sent again.")
@click.option(
    "--signals",
    type=click.Choice(["ignore", "anonymous", "drop", "default"]),
    help="What becomes of events of browsers that send Sec-GPC or DNT; default is MILLRACE_INGEST_PRIVACY_SIGNALS.",
)
@click.option(
    "--event-days",
    multiple=True,
    metavar="TYPE=DAYS",
    callback=_days,
    help="Delete events of this type after so many days, whatever holds for the others; 0 treats them as the others. Several "
    "are allowed.",
)
@needs_admin
def set_tenant(
    client: AdminClient,
    /,
    name: str,
    deny: Sequence[str],
    hashed: Sequence[str],
    keep: Sequence[str],
    signals: str | None,
    event_days: Mapping[str, int],
    **given: Any,
) -> None:
    """Change a tenant's settings; what is not named stays as it is."""
    known = client.tenant_or_none(name) or {}
    settled: dict[str, Any] = {field: known[field] for field in (*given, "signals") if field in known}
    settled |= {field: value or None for field, value in given.items() if value is not None}
    if signals is not None:
        settled["signals"] = None if signals == "default" else signals
    for field, added, elsewhere in (("denied", deny, hashed), ("hashed", hashed, deny)):
        settled[field] = sorted({*known.get(field, ()), *added} - {*keep, *elsewhere})
    days = {**known.get("event_days", {}), **event_days}
    settled["event_days"] = {event_type: count for event_type, count in days.items() if count}
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
    line = f"{one['name']:<24}  {one['tier']:<10}  {limit:<24}  {kept:<20}  {one['time_zone']}"
    return "\n".join([line, *(f"    {told}" for told in _privacy(one))])


def _privacy(one: dict[str, Any]) -> Iterator[str]:
    """What is settled about its people's data, a line each; an older server says nothing of it."""
    if one.get("denied"):
        yield f"never stored: {', '.join(one['denied'])}"
    if one.get("hashed"):
        yield f"stored as hashes: {', '.join(one['hashed'])}"
    if one.get("signals"):
        yield f"Sec-GPC and DNT: {one['signals']}"
    if one.get("event_days"):
        yield "kept by type: " + ", ".join(f"{name} {days:,} days" for name, days in sorted(one["event_days"].items()))
