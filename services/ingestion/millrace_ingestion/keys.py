"""Whose events a request brings: what its write key grants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from millrace_core.access import ALL_TENANTS
from millrace_core.errors import Unauthorized
from millrace_core.tenants import is_tenant


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key allows: events of this tenant."""

    tenant: str
    key_id: str = ""
    """Names the key without being it; empty where there are no keys."""


_BY_EVENTS: Final = Grant(ALL_TENANTS)


class WriteKeys(Protocol):
    """The write keys that are known. They are asked at every request, so that nothing here waits."""

    def grant(self, presented: str, origin: str) -> Grant:
        """What this key allows.

        Args:
            presented: the key as the request has it, empty where it has none.
            origin: the ``Origin`` of the page that sends, empty where no page does.

        Raises:
            Unauthorized: ``unauthorized`` without a key, ``invalid_key`` with one that nobody gave out.
            Forbidden: ``origin_not_allowed``.
            Unavailable: keys cannot be looked up now.
        """
        ...

    def grant_native(self, headers: Mapping[bytes, bytes], body: bytes) -> Grant:
        """What the key of a request to the native routes allows, which is in its headers, or ``write_key`` in its body, where
        a beacon cannot set headers. Raises likewise."""
        ...


class OpenKeys:
    """Open mode: whoever reaches the port is trusted, and the key is the tenant."""

    def grant(self, presented: str, origin: str) -> Grant:  # noqa: ARG002 -- any page may send in open mode
        """The tenant that is named like the key."""
        if not presented:
            raise Unauthorized("the write key is missing")
        if not is_tenant(presented):
            raise Unauthorized("invalid write key", code="invalid_key")
        return Grant(presented)

    def grant_native(self, headers: Mapping[bytes, bytes], body: bytes) -> Grant:  # noqa: ARG002 -- no key is looked for
        """Native events are trusted to say whose they are."""
        return _BY_EVENTS
