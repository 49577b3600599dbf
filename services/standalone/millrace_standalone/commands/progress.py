"""How far a command is: one line that is written over on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import Final

_TERMINAL_SECONDS: Final = 0.2
_FILE_SECONDS: Final = 10.0
_WIDTH: Final = 24


class Progress:
    """A line on standard error.

    Args:
        what: stands first in the line.
        whole: what 100 % is; None where there is no end.
    """

    def __init__(self, what: str, whole: float | None = None) -> None:
        self._what = what
        self._whole = whole
        self._terminal = sys.stderr.isatty()
        self._next = 0.0

    def show(self, done: float, told: str, *, last: bool = False) -> None:
        """Say how far it is, if the last time is long enough ago."""
        now = time.monotonic()
        if now < self._next and not last:
            return
        self._next = now + (_TERMINAL_SECONDS if self._terminal else _FILE_SECONDS)
        text = f"{self._what} {self._bar(done)}{told}"
        ending = "\n" if last or not self._terminal else ""
        sys.stderr.write(f"\r\x1b[2K{text}{ending}" if self._terminal else f"{text}\n")
        sys.stderr.flush()

    def _bar(self, done: float) -> str:
        if self._whole is None:
            return ""
        share = min(1.0, done / self._whole) if self._whole else 1.0
        return f"[{'#' * int(share * _WIDTH):{_WIDTH}}] {share:4.0%}  "


def amount(size: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
