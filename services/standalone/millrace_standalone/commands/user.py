"""``millrace user``: people, what they are to which tenant, and links to set their passwords."""

from typing import Any

import click

from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.server_options import needs_admin

_ROLES = click.Choice(["owner", "analyst", "viewer"])


@click.group()
def user() -> None:
    """People who log in. An owner changes a tenant, an analyst asks in SQL, a viewer looks."""


@user.command("add")
@click.argument("email")
@click.argument("tenant")
@click.option("--role", type=_ROLES, default="viewer", show_default=True, help="What they are to the tenant.")
@needs_admin
def add_user(client: AdminClient, email: str, tenant: str, role: str) -> None:
    """Let someone in, and print the link by which they set a password; TENANT "*" is every tenant."""
    _show_link(client, client.make_user(email, tenant, role))


@user.command("list")
@click.option("--tenant", help="Only those who have a role in this tenant.")
@needs_admin
def list_users(client: AdminClient, tenant: str | None) -> None:
    """List people and their roles."""
    users = client.users(tenant=tenant)
    click.echo("\n".join(_line(one) for one in users) if users else "There are no users.")


@user.command("role")
@click.argument("email")
@click.argument("tenant")
@click.argument("role", type=click.Choice(["owner", "analyst", "viewer", "none"]))
@needs_admin
def set_role(client: AdminClient, email: str, tenant: str, role: str) -> None:
    """Say what someone is to TENANT; `none` takes the role back."""
    click.echo(_line(client.set_role(email, tenant, None if role == "none" else role)))


@user.command("password")
@click.argument("email")
@needs_admin
def reset_password(client: AdminClient, email: str) -> None:
    """Print a link that works once, within a day, to set a password."""
    _show_link(client, client.reset_password(email))


@user.command("disable")
@click.argument("email")
@needs_admin
def disable_user(client: AdminClient, email: str) -> None:
    """Keep someone out, within five seconds on every process."""
    click.echo(_line(client.disable_user(email)))


def _show_link(client: AdminClient, made: dict[str, Any]) -> None:
    link = made["link"]
    click.echo(f"{client.url}{link}" if link.startswith("/") else link)


def _line(one: dict[str, Any]) -> str:
    roles = ", ".join(f"{role} of {tenant}" for tenant, role in one["roles"].items()) or "no role"
    return f"{one['email']:<32}  {roles}{'  disabled' if one['disabled'] else ''}"
