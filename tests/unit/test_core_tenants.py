"""Names of tenants."""

import pytest

from millrace_core.tenants import is_tenant


@pytest.mark.parametrize("name", ["a", "demo_tenant", "-x", "A.b-c_9", "x" * 64])
def test_well_formed_names(name: str) -> None:
    assert is_tenant(name)


@pytest.mark.parametrize("name", ["", ".a", "a b", "a:b", "a/b", "a\n", "ä", "x" * 65, "a\0"])
def test_anything_else_is_refused(name: str) -> None:
    assert not is_tenant(name)
