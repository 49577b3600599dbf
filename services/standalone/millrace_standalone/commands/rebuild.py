"""``millrace rebuild`` and ``millrace audit``: the rollups against the events that they were made of."""

from datetime import UTC, datetime
from typing import Any, Final

import click

from millrace_core.time import now_ms, parse_time
from millrace_standalone.admin_client import AdminClient
from millrace_standalone.commands.server_options import needs_admin

_DAY_MS: Final = 86_400_000


class _Time(click.ParamType[int]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since the epoch."""
        if isinstance(value, int):
            return value
        at = parse_time(str(value))
        if at is None:
            self.fail(f"{value} is no time: write it like 2026-02-16 or 2026-02-16T12:00:00Z", param, ctx)
        return at


@click.command()
@click.option("--from", "first", type=_Time(), help="From the hour of this time (UTC); a day before --to when not given.")
@click.option("--to", "last", type=_Time(), help="To the hour of this time; now when not given.")
@needs_admin
def rebuild(client: AdminClient, first: int | None, last: int | None) -> None:
    """Recompute the rollups of some hours from the events."""
    last = now_ms() if last is None else last
    first = last - _DAY_MS if first is None else first
    hours = client.rebuild(first, last)
    click.echo(f"{hours:,} hours rebuilt, from {_shown(first)} to {_shown(last)}.")


@click.command()
@needs_admin
def audit(client: AdminClient) -> None:
    """Compare the rollups of the last hours with the events; exit code 1 where they differ."""
    found = client.audit()
    click.echo(f"{found['duplicate_rows']:,} rows stored twice, {found['rollup_differences']:,} rollup buckets that differ.")
    if any(found.values()):
        raise SystemExit(1)


def _shown(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
