"""A ClickHouse server for tests: a real one where it is named by ``MILLRACE_TEST_CLICKHOUSE_URL`` and
``MILLRACE_TEST_CLICKHOUSE_READER_URL``, one in a container where a Docker engine has it, else the stand-in, a process of its
own on a free loopback port."""

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from millrace_warehouse.settings import WarehouseSettings
from tests.support import figures, plain
from tests.support.clickhouse_server import READER, WRITER
from tests.support.killable import Killable
from tests.support.server import free_port

_START_SECONDS = 120.0
_NAMED = "MILLRACE_TEST_CLICKHOUSE_URL"


class ClickHouse(Killable):
    """The stand-in."""

    called = "the warehouse"
    is_stand_in = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        host = f"127.0.0.1:{self.port}/analytics"
        self.writer_url = f"clickhouse://{WRITER[0]}:{WRITER[1]}@{host}"
        self.reader_url = f"clickhouse://{READER[0]}:{READER[1]}@{host}"

    @property
    def engine_folder(self) -> Path:
        """What the checker reads once the server is stopped."""
        return self._folder / "engine"

    @property
    def settings(self) -> WarehouseSettings:
        """Of a warehouse on this server."""
        return WarehouseSettings(warehouse_url=self.writer_url, warehouse_reader_url=self.reader_url)

    @property
    def environment(self) -> dict[str, str]:
        """The same, as a process is given it."""
        return {"MILLRACE_WAREHOUSE_URL": self.writer_url, "MILLRACE_WAREHOUSE_READER_URL": self.reader_url}

    @property
    def pid(self) -> int | None:
        """Of the process, None where it is not on this machine or does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [sys.executable, "-m", "tests.support.clickhouse_server", str(self._folder), str(self.port)]
        with self._folder.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self._folder.with_suffix(".log").read_text()
            try:
                if plain.get(f"http://127.0.0.1:{self.port}/ping").status_code == 200:
                    figures.healed()
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the warehouse does not answer")


class RealClickHouse(ClickHouse):
    """A server that somebody else runs."""

    is_stand_in = False

    def __init__(self) -> None:
        self._process = None
        self.writer_url = os.environ[_NAMED]
        self.reader_url = os.environ["MILLRACE_TEST_CLICKHOUSE_READER_URL"]

    def start(self) -> None:
        """It is running."""

    def _end(self, number: int) -> None:
        """Not ours to end."""


def new_clickhouse(folder: Path) -> ClickHouse:
    """The real one where there is one."""
    if _NAMED in os.environ:
        return RealClickHouse()
    image = _stock_image()
    return ClickHouse(folder) if image is None else _containers().ContainerClickHouse(folder, image)


def kind_of_clickhouse() -> str:
    """What :func:`new_clickhouse` makes here, in words."""
    if _NAMED in os.environ:
        return f"the one of {_NAMED}"
    return _stock_image() or "the stand-in over the embedded engine, as no Docker engine has the stock image"


def _stock_image() -> str | None:
    found: str | None = _containers().stock_image()
    return found


def _containers() -> Any:
    return importlib.import_module("tests.support.clickhouse_container")  # which needs this module
