"""The servers that the packages send to, and the note of what became of each case."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sdks.stored import A_MINUTE, BODY_BYTES
from tests.sdks.umami import SCRIPT
from tests.support.relay import Relay, relay
from tests.support.server import Server

_SCRIPTS = {"MILLRACE_INGEST_SCRIPTS_DIR": str(SCRIPT.parent)} if SCRIPT.exists() else {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {"MILLRACE_INGEST_EVENTS_A_MINUTE": str(A_MINUTE), "MILLRACE_INGEST_BODY_BYTES": str(BODY_BYTES)}
    made = Server(tmp_path_factory.mktemp("sdks") / "data", {**_SCRIPTS, **limits})
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that asks for keys."""
    made = Server(tmp_path_factory.mktemp("strict") / "data", {**_SCRIPTS, "MILLRACE_AUTH": "required"})
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, whose consumer waits so long with its flush that a kill comes before it."""
    made = Server(tmp_path / "data", {**_SCRIPTS, "MILLRACE_CONSUMER_FLUSH_SECONDS": "5"})
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def between(server: Server) -> Iterator[Relay]:
    with relay(server.url) as made:
        yield made


@pytest.fixture
def tried(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Any:
    """The package of this test, if it is installed; the outcome is a cell of a table of docs/sdks.md."""
    package = request.node.callspec.params["package"]
    package.skip_where_missing()
    record_property("sdk", (package.kind, package.title, package.version(), request.node.originalname))
    return package
