"""``millrace privacy``: what there is of a person, and erasing it."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from millrace_core.errors import InvalidInput
from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.server_options import needs_admin

_Command = TypeVar("_Command", bound=Callable[..., Any])
_LOG: Final = {
    "forgotten": "The log has forgotten them.",
    "waits": "The log still holds events that wait for the warehouse: they are left out there, and the log forgets them then.",
    "retention": "Kafka keeps them until the topic's retention; they are left out whenever they are read again.",
}


@click.group()
def privacy() -> None:
    """What there is of a person: hand it out, or erase it."""


def _of_a_person(command: _Command) -> _Command:
    user = click.option("--user", "user_id", default="", help="A user id, with every visitor that is linked to it.")
    visitor = click.option("--visitor", "visitor_id", default="", help="A visitor id alone, whoever that was.")
    return click.argument("tenant")(user(visitor(command)))


@privacy.command("export")
@_of_a_person
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; standard output without it.")
@needs_admin
def export(client: AdminClient, tenant: str, user_id: str, visitor_id: str, out: Path | None) -> None:
    """Write every row of a person as JSON, one object a line: {"table": …, "row": {…}}."""
    pieces = client.export_person(_whose(tenant, user_id, visitor_id))
    if out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    lines = 0
    with out.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            lines += piece.count(b"\n")
    click.echo(f"{lines:,} rows written to {out}.", err=True)


@privacy.command("erase")
@_of_a_person
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the server's answer.")
@needs_admin
def erase(client: AdminClient, tenant: str, user_id: str, visitor_id: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase a person: events, links, dead letters, and what rollups count of them. Events that come later stay.

    Exit code 1 where something is left; the server goes on with it by itself.
    """
    whose = _whose(tenant, user_id, visitor_id)
    if not dry_run and not yes:
        if not sys.stdin.isatty():
            raise InvalidInput("nobody can be asked here: erase with --yes, or look first with --dry-run")
        click.echo(_counted(client.erase_person({**whose, "dry_run": True})))
        click.confirm("Erase all of it? Nothing brings it back", abort=True)
    told = client.erase_person({**whose, "dry_run": dry_run})
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else _counted(told) if dry_run else _erased(told))
    if not dry_run and not told["complete"]:
        raise SystemExit(1)


@privacy.command("erasures")
@click.option("--tenant", help="Only those of this tenant.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only those behind this number.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most.")
@needs_admin
def erasures(client: AdminClient, tenant: str | None, after: int, limit: int) -> None:
    """List what was erased and when, the oldest first. Whose it was is known by hashes alone."""
    lines = (
        f"{one['id']:>6}  {one['at']}  {one['actor']:<22}  {one['tenant']:<20}  {one['state']:<6}  {_rows(one['rows'])}"
        for one in client.erasures(tenant=tenant, after=after, limit=limit)
    )
    click.echo("\n".join(lines) or "Nobody was erased yet.")


def _whose(tenant: str, user_id: str, visitor_id: str) -> dict[str, Any]:
    if bool(user_id) == bool(visitor_id):
        raise InvalidInput("name a person by --user or by --visitor")
    return {"tenant": tenant, "user_id": user_id, "visitor_id": visitor_id}


def _counted(told: Mapping[str, Any]) -> str:
    names = [*told["users"], *told["visitors"]]
    lines = [
        f"{told['tenant']}, received before {told['received_before']}: {_rows(told['rows'])}.",
        f"Known as: {', '.join(names)}.",
    ]
    if told["shared_visitors"]:
        shared = ", ".join(told["shared_visitors"])
        lines.append(f"Not meant, as they are others by now: {shared}. Name one with --visitor to have it erased, too.")
    return "\n".join(lines)


def _erased(told: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            _counted(told),
            f"Erasure {told['erasure']}. Left: {_rows(told['remaining'])}, by",
            f"  {told['verification']}",
            _LOG[told["log"]],
            f"Old files of the warehouse are gone by {told['off_disk_by']}.",
        ]
    )


def _rows(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {table}" for table, count in counted.items())
