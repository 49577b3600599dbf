"""Chooses the adapter of the log by its URL. The only module that names one."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from millrace_core.errors import StartRefused
from millrace_core.time import now_ms
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.settings import LogSettings
from millrace_eventlog.sqlite.open import ignore_step, open_sqlite_log
from millrace_service.metrics import Metrics

_SQLITE = "sqlite:///"


def open_log(
    settings: LogSettings,
    data_dir: Path,
    metrics: Metrics,
    *,
    clock: Callable[[], int] = now_ms,
    on_step: Callable[[str], None] = ignore_step,
) -> AbstractAsyncContextManager[LogPorts]:
    """The ports of the log that ``MILLRACE_LOG_URL`` names; without one, ``log.db`` in the data folder.

    Raises:
        StartRefused: no adapter is for this URL, or the log cannot be opened.
    """
    url = settings.log_url or f"{_SQLITE}{data_dir / 'log.db'}"
    if not url.startswith(_SQLITE):
        raise StartRefused(f"MILLRACE_LOG_URL={url}: allowed is sqlite:///<file>")
    return open_sqlite_log(Path(url.removeprefix(_SQLITE)), settings, metrics, clock=clock, on_step=on_step)
