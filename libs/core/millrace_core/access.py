"""Who asks, and what they may do with which tenant's data. Keys are random, so a fast hash is enough to keep them by."""

import hashlib
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from millrace_core.errors import Forbidden, InvalidInput

Scope = Literal["ingest", "query", "admin"]
"""What a secret key is for. ``admin`` is everything, and is not metered."""

Role = Literal["owner", "analyst", "viewer"]
"""What a person is to a tenant: an owner changes it, an analyst asks in SQL, a viewer looks at dashboards and streams."""

Right = Literal["ingest", "view", "query", "admin"]

ALL_TENANTS: Final = "*"
"""Stands for every tenant, those to come included; no tenant can have this name."""

RIGHTS_OF_SCOPES: Final[Mapping[Scope, frozenset[Right]]] = {
    "ingest": frozenset({"ingest"}),
    "query": frozenset({"view", "query"}),
    "admin": frozenset({"ingest", "view", "query", "admin"}),
}
RIGHTS_OF_ROLES: Final[Mapping[Role, frozenset[Right]]] = {
    "owner": frozenset({"view", "query", "admin"}),
    "analyst": frozenset({"view", "query"}),
    "viewer": frozenset({"view"}),
}

WRITE_PREFIX: Final = "mrw_"
SECRET_PREFIX: Final = "mrs_"  # noqa: S105 (of every key)
LINK_PREFIX: Final = "mrl_"
"""Of links to dashboards."""
_ALPHABET: Final = string.ascii_letters + string.digits
_RANDOM: Final = 32  # characters of 62: 190 bits
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as its credential says."""

    who: str
    """``key:<id>``, ``user:<id>``, ``server`` (the token of server.json) or ``anyone`` (open mode)."""
    rights: Mapping[str, frozenset[Right]]
    """By tenant, or by ``ALL_TENANTS``."""
    session: str = ""
    """The id of the login that the credential is of; empty where it is of none."""

    def may(self, right: Right, tenant: str) -> bool:
        """Whether this caller has the right over the tenant."""
        return right in self.rights.get(tenant, ()) or right in self.rights.get(ALL_TENANTS, ())

    def knows(self, tenant: str) -> bool:
        """Whether this caller has any right over the tenant."""
        return tenant in self.rights or ALL_TENANTS in self.rights

    @property
    def only_tenant(self) -> str | None:
        """The tenant of a caller who has one; None where the request has to say which."""
        return next(iter(self.rights)) if len(self.rights) == 1 and ALL_TENANTS not in self.rights else None


@dataclass(frozen=True, slots=True)
class NotedCaller(Caller):
    """A caller that notes which of its rights were asked for and found, so that they can be looked at again later."""

    used: set[tuple[Right, str]] = field(default_factory=set)
    """Each a right and the tenant."""

    def may(self, right: Right, tenant: str) -> bool:
        """As ``Caller.may``."""
        found = Caller.may(self, right, tenant)  # super() does not know a class with slots
        if found:
            self.used.add((right, tenant))
        return found


ANYONE: Final = Caller("anyone", {ALL_TENANTS: RIGHTS_OF_SCOPES["admin"] - {"admin"}})
"""Whoever reaches an open server: everything but its administration."""

SERVER: Final = Caller("server", {ALL_TENANTS: RIGHTS_OF_SCOPES["admin"]})
"""Who can read the data folder of the server."""


def tenant_of(caller: Caller, named: str | None, right: Right) -> str:
    """The tenant that a request is about: the one that it names, else the caller's own.

    Raises:
        InvalidInput: ``missing_customer_id``: none is named, and the caller has several.
        Forbidden: ``foreign_tenant``, or ``missing_scope`` where the tenant is the caller's and the right is not.
    """
    tenant = named or caller.only_tenant
    if tenant is None:
        raise InvalidInput("customer_id is missing", code="missing_customer_id")
    if not caller.knows(tenant):
        raise Forbidden("This credential is another tenant's.", code="foreign_tenant")
    if not caller.may(right, tenant):
        raise Forbidden(f"This credential lacks the right to {right}.", code="missing_scope")
    return tenant


def rights_of(scopes: Iterable[Scope]) -> frozenset[Right]:
    """Everything that the scopes allow."""
    return frozenset().union(*(RIGHTS_OF_SCOPES[scope] for scope in scopes))


def new_secret(prefix: str) -> str:
    """A random key behind a prefix by which people and secret scanners know it."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))


def shown_part(secret: str) -> str:
    """How lists show a key: its kind and its first characters."""
    return secret[: len(WRITE_PREFIX) + _SHOWN]


def digest_of(secret: str) -> str:
    """What is kept of a key: SHA-256 in hex. Fast on purpose: nobody guesses 190 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_id() -> str:
    """An id of a key, a user or a session: 16 hex digits."""
    return secrets.token_hex(8)
