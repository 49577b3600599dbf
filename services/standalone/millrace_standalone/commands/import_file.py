"""``millrace import FILE``: events from a file."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from millrace_standalone.commands.progress import Progress
from millrace_standalone.commands.server_options import checked_key, data_dir_option, key_option, server_url, url_option
from millrace_standalone.importing.mapping import FIELDS, Mapper
from millrace_standalone.importing.run import Import
from millrace_standalone.importing.source import Form, Source
from millrace_standalone.importing.state import RejectedFile, State, StateFile
from millrace_standalone.tracking import TrackingClient

_INTERRUPTED: Final = 130


class _Renamed(click.ParamType[tuple[str, str]]):
    name = "COLUMN=FIELD"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The two names."""
        if isinstance(value, tuple):
            return value
        column, equals, field = value.rpartition("=")
        if not equals or not column or not (field in FIELDS or field.startswith(("properties.", "context."))):
            self.fail(f"{value}: a field is one of {', '.join(FIELDS)}, properties.… or context.…", param, ctx)
        return column, field


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--customer", help="Whose events they are, whatever the rows say.")
@click.option("--map", "renamed", type=_Renamed(), multiple=True, help="A column that is a field under another name.")
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), help="Seen by name and content when not given.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="Where to keep how far it is; FILE.import when not given."
)
@url_option
@key_option
@data_dir_option
def import_file(
    file: Path,
    customer: str | None,
    renamed: Sequence[tuple[str, str]],
    form: Form | None,
    state: Path | None,
    url: str | None,
    key: str | None,
    data_dir: Path | None,
) -> None:
    """Send the events of FILE: JSON objects, one a line, or CSV with a header; packed with gzip or not.

    Columns named like an event's fields are these, `properties.x` and `context.x` go where they say, every other one into the
    properties. Stopped in the middle, the same command goes on from there. A row without event_id gets one made of the file and
    the row, so that an import that is run again adds nothing; a file is known by how it begins, so rows of several files that
    begin alike need an event_id. Rows that are not taken are in FILE.rejected.ndjson, beside the
    state; a row of CSV whose quotes are wrong is one of them, and keeps none of the others out.
    """
    state = state or file.with_name(file.name + ".import")
    kept = StateFile(state)
    target = server_url(data_dir, url)
    with Source(file, form) as fresh:
        known = kept.read("\0".join((fresh.identity, customer or "", *map("=".join, sorted(renamed)))))
    rejected = RejectedFile(state.with_name(file.name + ".rejected.ndjson"), known.rejected_bytes)
    with Source(file, form, known.place) as source, TrackingClient(target, checked_key(key) if key else None) as client:
        mapper = Mapper(source.identity, source.header, customer, dict(renamed))
        _run(Import(source, mapper, client, known, kept, rejected), source, file)
    kept.remove()
    if known.rejected:
        click.echo(f"The rejected rows and why: {rejected.path}", err=True)
        raise SystemExit(1)


def _run(importing: Import, source: Source, file: Path) -> None:
    progress = Progress(file.name, source.size)
    started, before = time.monotonic(), importing.state.accepted
    if importing.state.offset:
        click.echo(f"Going on behind line {importing.state.line:,}.", err=True)

    def show(state: State, *, last: bool = False) -> None:
        rate = (state.accepted - before) / max(time.monotonic() - started, 0.001)
        told = f"{state.accepted:,} events accepted, {state.rejected:,} rejected, {rate:,.0f} a second"
        progress.show(source.size if last else source.bytes_read, told, last=last)

    try:
        importing.run(show)
    except KeyboardInterrupt:
        click.echo(f"\nStopped behind line {importing.state.line:,}; the same command goes on from there.", err=True)
        raise SystemExit(_INTERRUPTED) from None
    show(importing.state, last=True)
