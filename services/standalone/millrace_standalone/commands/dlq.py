"""``millrace dlq``: records that the warehouse would not take."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TextIO, TypeVar

import click
import msgspec

from millrace_core.errors import InvalidInput
from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.server_options import needs_admin

_Command = TypeVar("_Command", bound=Callable[..., Any])
_MOST: Final = 10_000


@click.group()
def dlq() -> None:
    """Dead letters: records that were accepted and that the warehouse refuses."""


def _filtered(default_limit: int) -> Callable[[_Command], _Command]:
    def add(command: _Command) -> _Command:
        for option in (
            click.option("--limit", type=click.IntRange(1, _MOST), default=default_limit, show_default=True, help="At most."),
            click.option("--reason", help="Only those set aside for this reason."),
            click.option("--tenant", help="Only those of this tenant."),
        ):
            command = option(command)
        return command

    return add


@dlq.command("list")
@_filtered(100)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@needs_admin
def list_letters(client: AdminClient, tenant: str | None, reason: str | None, limit: int, as_json: bool) -> None:
    """List dead letters, the oldest first."""
    letters = client.letters(tenant=tenant, reason=reason, limit=limit)
    if as_json:
        click.echo("".join(f"{json.dumps(letter)}\n" for letter in letters), nl=False)
    elif not letters:
        click.echo("No dead letters.")
    else:
        click.echo("\n".join(_line(letter) for letter in letters))


@dlq.command("show")
@click.argument("letter_id", type=int)
@needs_admin
def show_letter(client: AdminClient, letter_id: int) -> None:
    """Show one dead letter with its record."""
    click.echo(json.dumps(client.letter(letter_id), indent=2, ensure_ascii=False))


@dlq.command("replay")
@click.argument("ids", type=int, nargs=-1)
@_filtered(_MOST)
@click.option("--all", "every", is_flag=True, help="Without a filter: every one.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@needs_admin
def replay_letters(
    client: AdminClient,
    ids: Sequence[int],
    tenant: str | None,
    reason: str | None,
    limit: int,
    every: bool,
    dry_run: bool,
) -> None:
    """Put records back into the log, with the ids that they had."""
    chosen = _chosen(client, ids, tenant, reason, limit, every=every)
    whole = [letter for letter in chosen if letter["line"]]
    if len(whole) < len(chosen):
        click.echo(f"{len(chosen) - len(whole)} hold no record (it was damaged in the log) and can only be dropped.", err=True)
    _act(whole, "replayed", client.replay, dry_run=dry_run)


@dlq.command("edit")
@click.argument("letter_id", type=int)
@click.option(
    "--file",
    "corrected",
    type=click.File("r", encoding="utf-8"),
    help="The corrected record, `-` for standard input; without it an editor opens.",
)
@needs_admin
def edit_letter(client: AdminClient, letter_id: int, corrected: TextIO | None) -> None:
    """Correct a record and put it back into the log.

    Which event it is (event_id, customer_id) and how it came has to stay. What the warehouse would refuse again is refused at
    once, and the letter stays as it is.
    """
    if corrected is not None:
        text: str | None = corrected.read()
    else:
        text = click.edit(_indented(client.letter(letter_id)["line"]), extension=".json")
    if text is None:
        click.echo("Nothing was changed.")
        return
    click.echo(f"{client.edit(letter_id, text):,} edited.")


@dlq.command("drop")
@click.argument("ids", type=int, nargs=-1)
@_filtered(_MOST)
@click.option("--all", "every", is_flag=True, help="Without a filter: every one.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@needs_admin
def drop_letters(
    client: AdminClient,
    ids: Sequence[int],
    tenant: str | None,
    reason: str | None,
    limit: int,
    every: bool,
    dry_run: bool,
) -> None:
    """Remove records for good."""
    _act(_chosen(client, ids, tenant, reason, limit, every=every), "dropped", client.drop, dry_run=dry_run)


@dlq.command("decisions")
@click.option("--tenant", help="Only those about this tenant's.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=100, show_default=True, help="At most.")
@needs_admin
def list_decisions(client: AdminClient, tenant: str | None, limit: int) -> None:
    """List what was decided: which letters were replayed, edited or dropped, and when."""
    decisions = client.decisions(tenant=tenant, limit=limit)
    lines = (
        f"{one['at']}  {one['action']:<8}  {one['letter_id']:>6}  {one['tenant']}  {one['event_id']}  {one['reason']}"
        for one in decisions
    )
    click.echo("\n".join(lines) if decisions else "Nothing was decided yet.")


def _chosen(
    client: AdminClient, ids: Sequence[int], tenant: str | None, reason: str | None, limit: int, *, every: bool
) -> list[dict[str, Any]]:
    if ids:
        return [client.letter(letter_id) for letter_id in ids]
    if tenant is None and reason is None and not every:
        raise InvalidInput("name letters by their ids, by --tenant or --reason, or with --all")
    return client.letters(tenant=tenant, reason=reason, limit=limit)


def _act(letters: Sequence[dict[str, Any]], done: str, act: Callable[[Sequence[int]], int], *, dry_run: bool) -> None:
    if dry_run:
        click.echo("".join(f"{_line(letter)}\n" for letter in letters), nl=False)
        click.echo(f"{len(letters):,} would be {done}.")
        return
    ids = [int(letter["id"]) for letter in letters]
    click.echo(f"{act(ids) if ids else 0:,} {done}.")


def _indented(line: str) -> str:
    """For people; what is no JSON as it is. Numbers stay as they are written."""
    try:
        return msgspec.json.format(line, indent=2)
    except msgspec.DecodeError:
        return line


def _line(letter: dict[str, Any]) -> str:
    return f"{letter['id']:>6}  {letter['at']}  {letter['tenant']}  {letter['event_id']}  {letter['reason']}  {letter['error']}"
