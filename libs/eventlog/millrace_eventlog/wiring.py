"""Chooses the adapter of the log by its URL. The only module that names one."""

import importlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from millrace_core.errors import StartRefused
from millrace_core.time import now_ms
from millrace_eventlog.ports import EVERY_USE, LogPorts, Use
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.spill.open import spilling
from millrace_eventlog.sqlite.database import complete_copy
from millrace_eventlog.sqlite.open import ignore_step, open_sqlite_log
from millrace_service.metrics import Metrics

_SQLITE = "sqlite:///"
_KAFKA = "kafka://"


def open_log(
    settings: LogSettings,
    data_dir: Path,
    metrics: Metrics,
    *,
    clock: Callable[[], int] = now_ms,
    on_step: Callable[[str], None] = ignore_step,
    accepts: bool = False,
    uses: Collection[Use] = EVERY_USE,
) -> AbstractAsyncContextManager[LogPorts]:
    """The ports of the log that ``MILLRACE_LOG_URL`` names; without one, ``log.db`` in the data folder.

    Args:
        accepts: events come in here, so ``MILLRACE_SPILL`` holds.
        uses: what this process needs; where others may refuse it something, only this is asked for.

    Raises:
        StartRefused: no adapter is for this URL, or the log cannot be opened.
    """
    url = settings.log_url or f"{_SQLITE}{data_dir / 'log.db'}"
    spills = accepts and settings.spill == "on"
    if url.startswith(_KAFKA):
        opened: AbstractAsyncContextManager[LogPorts] = _kafka("open").open_kafka_log(settings, metrics, uses, waits=spills)
        return _spilling(opened, settings, data_dir, metrics) if spills else opened
    if spills:
        raise StartRefused("MILLRACE_SPILL=on: only a log on Kafka can be away")
    if not url.startswith(_SQLITE):
        raise StartRefused(f"MILLRACE_LOG_URL={url}: allowed are sqlite:///<file> and kafka://<host>:<port>/<topic>")
    return open_sqlite_log(Path(url.removeprefix(_SQLITE)), settings, metrics, clock=clock, on_step=on_step)


@asynccontextmanager
async def _spilling(
    opened: AbstractAsyncContextManager[LogPorts], settings: LogSettings, data_dir: Path, metrics: Metrics
) -> AsyncIterator[LogPorts]:
    async with opened as log, spilling(log, settings, data_dir, metrics) as ports:
        yield ports


async def migrate_log(settings: LogSettings) -> Sequence[str]:
    """Make what the log needs on other machines; the names of what was made. An embedded log needs nothing.

    Raises:
        StartRefused: it cannot be made.
    """
    if not (settings.log_url or "").startswith(_KAFKA):
        return []
    options = _kafka("options").KafkaOptions.of(settings)
    made: Sequence[str] = await _kafka("topics").create_topics(options, settings)
    return made


def complete_copied_log(path: Path) -> None:
    """Let the copy of an embedded log (LogPorts.copy) be opened: what was copied with it is there, too.

    Raises:
        sqlite3.Error: the file cannot be written.
    """
    complete_copy(path)


def _kafka(module: str) -> Any:
    """A module of the adapter, imported only where it is used: the embedded size installs no client of Kafka."""
    try:
        return importlib.import_module(f"millrace_eventlog.kafka.{module}")
    except ImportError as error:
        raise StartRefused("MILLRACE_LOG_URL=kafka://…: install millrace[kafka]") from error
