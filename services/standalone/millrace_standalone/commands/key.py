"""``millrace key``: write keys for pages and apps, secret keys for servers and operators."""

from collections.abc import Sequence
from typing import Any

import click

from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.numbers import Number
from millrace_standalone.commands.server_options import needs_admin


@click.group()
def key() -> None:
    """Keys. What a key is, is shown once, when it is made; only its hash is kept."""


@key.command("create")
@click.argument("tenant")
@click.option("--secret", is_flag=True, help="A secret key, for servers; without it a write key, which is public.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["ingest", "query", "admin"]),
    multiple=True,
    help="Of a secret key; admin is everything, without limits.",
)
@click.option(
    "--origin", "origins", multiple=True, help="Of a write key: a page that may use it, like https://shop.example.com."
)
@click.option("--name", default="", help="For people.")
@click.option("--expires-days", type=Number(0, 36_500, min_open=True), help="It ends by itself after so many days.")
@needs_admin
def create_key(
    client: AdminClient,
    tenant: str,
    secret: bool,
    scopes: Sequence[str],
    origins: Sequence[str],
    name: str,
    expires_days: float | None,
) -> None:
    """Make a key of TENANT; "*" is every tenant, for secret keys."""
    asked: dict[str, Any] = {"tenant": tenant, "kind": "secret" if secret else "write", "name": name}
    asked |= {"scopes": list(scopes), "origins": list(origins), "expires_days": expires_days}
    _show_secret(client.make_key(asked))


@key.command("list")
@click.option("--tenant", help="Only those of this tenant.")
@needs_admin
def list_keys(client: AdminClient, tenant: str | None) -> None:
    """List keys, the oldest first; those that have ended as well."""
    keys = client.keys(tenant=tenant)
    click.echo("\n".join(_line(one) for one in keys) if keys else "There are no keys.")


@key.command("rotate")
@click.argument("key_id")
@click.option(
    "--overlap-hours",
    type=Number(0, 24 * 366),
    default=24.0,
    show_default=True,
    help="How long the old key still works.",
)
@needs_admin
def rotate_key(client: AdminClient, key_id: str, overlap_hours: float) -> None:
    """Make a key that takes the place of another one."""
    _show_secret(client.rotate_key(key_id, overlap_hours))


@key.command("revoke")
@click.argument("key_id")
@needs_admin
def revoke_key(client: AdminClient, key_id: str) -> None:
    """End a key now: within five seconds no process takes it."""
    click.echo(_line(client.revoke_key(key_id)))


def _show_secret(made: dict[str, Any]) -> None:
    """The key on standard output, so that it can be piped; what is about it beside it."""
    click.echo(f"{_line(made)}\nThe key is shown now and never again:", err=True)
    click.echo(made["key"])


def _line(one: dict[str, Any]) -> str:
    if one["revoked_at"]:
        state = f"revoked {one['revoked_at']}"
    elif one["expires_at"]:
        state = f"ends {one['expires_at']}"
    else:
        state = "works"
    used = f"used {one['last_used_at']}" if one["last_used_at"] else "never used"
    scopes = ",".join(one["scopes"])
    return (
        f"{one['id']}  {one['tenant']:<20}  {one['shown']:<14}  {one['kind']:<6}  {scopes:<20}  {state}  {used}  {one['name']}"
    )
