"""The same packages against a server that is killed: what was answered is stored, and what is sent again counts once."""

import pytest

from tests.sdks.packages import OTHER_CALLS, PACKAGES, Package
from tests.sdks.stored import Restart, numbers, rows, tenant_of
from tests.support.relay import relay
from tests.support.server import Server

pytestmark = [
    pytest.mark.sdks,
    pytest.mark.usefixtures("tried"),
    pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.title),
]


def test_lost_answer(package: Package, mortal: Server) -> None:
    """The server is killed when the events are durable and the client has not heard: sent again, they count once."""
    tenant = tenant_of(package.title, "lost")
    restart = Restart(mortal)
    with relay(mortal.url) as between:
        between.before_answer = restart
        assert package.send(between.url, tenant, 20) == []
        assert between.posts != []
    assert numbers(mortal, tenant) == list(range(20))
    assert len(rows(mortal, tenant, "event_type, properties")) == 20 + OTHER_CALLS


def test_killed_after_answer(package: Package, mortal: Server) -> None:
    """The server is killed at once behind its answer, before anything is in the warehouse: what was answered is stored."""
    tenant = tenant_of(package.title, "killed")
    restart = Restart(mortal)
    with relay(mortal.url) as between:
        between.after_answer = restart
        package.send(between.url, tenant, 20)
        restart.wait()
    assert numbers(mortal, tenant) == list(range(20))
