"""``millrace demo``: a believable web shop, past and present."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from millrace_core.time import now_ms
from millrace_standalone.commands.numbers import Number
from millrace_standalone.commands.progress import Progress
from millrace_standalone.commands.server_options import checked_key, data_dir_option, key_option, server_url, url_option
from millrace_standalone.demo.shop import Shop, live_shop, past_shop
from millrace_standalone.demo.visits import Happening
from millrace_standalone.tracking import TrackingClient

_BATCH: Final = 2000
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_LIVE_SECONDS: Final = 0.25
"""How often what just happened is sent."""


@click.command()
@click.option("--customer", default="demo_tenant", show_default=True, help="Whose shop it is.")
@click.option(
    "--rate",
    type=Number(0, 2000),
    default=2.0,
    show_default=True,
    help="Events a second, live; 0 only fills the past.",
)
@click.option("--days", type=Number(0, 1800), default=7.0, show_default=True, help="How far back the past goes.")
@click.option(
    "--events-per-day",
    type=Number(1, 10_000_000),
    default=50_000,
    show_default=True,
    help="Events of an average day of the past.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed tells the same story, with the same ids.")
@url_option
@key_option
@data_dir_option
def demo(
    customer: str,
    rate: float,
    days: float,
    events_per_day: float,
    seed: int,
    url: str | None,
    key: str | None,
    data_dir: Path | None,
) -> None:
    """Send the events of a web shop: those of the past days, the newest first, and live ones from the start until Ctrl-C.

    Running it again over the same days adds nothing that is already there.
    """
    target = server_url(data_dir, url)
    with TrackingClient(target, checked_key(key) if key else None) as client:
        now = now_ms()
        live = _Live(client, live_shop(customer, seed, rate).events(now)) if rate else None
        try:
            if days:
                _send_past(client, past_shop(customer, seed, events_per_day), now, days, live)
            if live is not None:
                live.go_on()
        except KeyboardInterrupt:
            click.echo("\nThe shop is closed.", err=True)
    click.echo(f"Look at it: curl {target}/dashboard/realtime/{customer}", err=True)


class _Live:
    """What happens from now on, sent once it has happened.

    Args:
        events: without an end.
    """

    def __init__(self, client: TrackingClient, events: Iterator[Happening]) -> None:
        self._client = client
        self._events = events
        self._next = next(events)
        self._progress = Progress("Live")
        self._sent = 0

    def send_due(self) -> None:
        """Send what has happened since the last time."""
        until = now_ms()
        while self._next.at <= until:
            batch: list[bytes] = []
            while self._next.at <= until and len(batch) < _BATCH:
                batch.append(self._next.text)
                self._next = next(self._events)
            self._sent += self._client.send(None, batch).accepted

    def go_on(self) -> None:
        """For ever."""
        while True:
            self.send_due()
            self._progress.show(0, f"{self._sent:,} events so far; Ctrl-C ends it")
            # What comes within the same quarter of a second goes out together.
            time.sleep(max(_LIVE_SECONDS, (self._next.at - now_ms()) / 1000))


def _send_past(client: TrackingClient, shop: Shop, now: int, days: float, live: _Live | None) -> None:
    """The past, while the present goes on: whoever looks meanwhile sees a shop that is open."""
    progress = Progress("The past", days)
    started, sent = time.monotonic(), 0

    def told() -> str:
        return f"{sent:,} events, {sent / max(time.monotonic() - started, 0.001):,.0f} a second"

    for verdict in client.send_all(_past(shop, now, days)):
        sent += verdict.accepted
        progress.show(verdict.mark, told())
        if live is not None:
            live.send_due()
    progress.show(days, told(), last=True)


def _past(shop: Shop, now: int, days: float) -> Iterator[tuple[float, list[bytes]]]:
    """Batches, each with how many days are told by then: the last hour, the rest of the last day, then day by day before it."""
    first = now - round(days * _DAY_MS)
    end = now
    for start in (now - _HOUR_MS, *range(now - _DAY_MS, first, -_DAY_MS), first):
        for at, batch in _in_batches(shop.events(max(start, first), end)):
            yield (now - end + at - max(start, first)) / _DAY_MS, batch
        end = max(start, first)


def _in_batches(events: Iterator[Happening]) -> Iterator[tuple[int, list[bytes]]]:
    """Batches, each with the time of its last event."""
    batch: list[bytes] = []
    at = 0
    for event in events:
        batch.append(event.text)
        at = event.at
        if len(batch) == _BATCH:
            yield at, batch
            batch = []
    if batch:
        yield at, batch
