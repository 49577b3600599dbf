"""``millrace changes``: who changed which tenant, key or user, and when."""

import json

import click

from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.server_options import needs_admin


@click.command()
@click.option("--tenant", help="Only those of this tenant.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only those behind this number.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most.")
@needs_admin
def changes(client: AdminClient, tenant: str | None, after: int, limit: int) -> None:
    """List what was changed, the oldest first: tenants, keys, users, logins."""
    lines = (
        f"{one['id']:>6}  {one['at']}  {one['actor']:<22}  {one['action']:<16}  {one['tenant']:<20}  {one['subject']}  "
        f"{json.dumps(one['detail'])}"
        for one in client.changes(tenant=tenant, after=after, limit=limit)
    )
    click.echo("\n".join(lines) or "Nothing was changed yet.")
