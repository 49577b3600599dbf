"""The tenants' settings as they were read last, on this machine's disk: a process that starts while the records do not answer
goes on leaving out what tenants do not want stored."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from millrace_records.ports import Tenant

FILE: Final = "tenants.json"

_decode: Final = msgspec.json.Decoder(list[Tenant]).decode
_log = structlog.get_logger("millrace.ingestion")


class KeptTenants:
    """One file, readable by this user only: it holds the keys of hashes.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._last = b""

    def save(self, tenants: Sequence[Tenant]) -> None:
        """Keep them, where they differ from those that were kept last. A disk that refuses is told of and nothing else."""
        text = msgspec.json.encode(list(tenants))
        if text == self._last:
            return
        fresh = self._path.with_suffix(".new")
        try:
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
            fresh.replace(self._path)
        except OSError as error:
            _log.warning("tenants_not_kept", cause=str(error))
            return
        self._last = text

    def load(self) -> Sequence[Tenant] | None:
        """Those that were kept; None where there are none, or they cannot be read."""
        try:
            return _decode(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("kept_tenants_not_read", cause=str(error))
            return None
