"""Which names a tenant (``customer_id``) may have."""

import re
from functools import lru_cache
from typing import Final

TENANT_PATTERN: Final = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$"
_is_tenant = re.compile(TENANT_PATTERN[:-1] + r"\Z").match  # `$` would also accept a trailing newline


@lru_cache(maxsize=4096)
def is_tenant(name: str) -> bool:
    """Whether this is a well-formed tenant name: 1 to 64 of ``A-Z a-z 0-9 _ . -``, the first not a dot."""
    return _is_tenant(name) is not None
