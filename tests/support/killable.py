"""A server of others as a process: stopped, frozen, killed and started again on the same folder and port."""

import signal
import subprocess
from typing import Final

from tests.support import figures

_SECONDS: Final = 60.0


class Killable:
    """What starts has its process in ``_process``.

    Attributes:
        called: what the report of faults calls it.
    """

    called: str
    _process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """SIGTERM."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, until it thaws."""
        figures.injected(f"freeze of {self.called}")
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._signal(signal.SIGCONT)
        figures.healed()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            figures.injected(f"SIGKILL of {self.called}")
        self._end(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_SECONDS)
            self._process = None
