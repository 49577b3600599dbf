"""The ports of access control, kept with the records. Methods are coroutines that raise RecordsUnavailable where the store does
not answer. Every change takes who makes it, and is in the trail in the same transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from millrace_core.access import Role, Scope

ACCESS_CHANGED = "access"
"""The channel on which a change of keys, users or sessions is told."""

KeyKind = Literal["write", "secret"]
Purpose = Literal["first_owner", "password"]


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret. Times are milliseconds since the epoch."""

    id: str
    tenant: str
    """Or ``ALL_TENANTS``, of an operator's secret key."""
    kind: KeyKind
    """A write key is public (it stands in pages) and may only send events."""
    name: str
    shown: str
    digest: str = field(repr=False)
    scopes: tuple[Scope, ...]
    origins: tuple[str, ...] = ()
    """Of a write key: the pages that may use it; empty is every one."""
    created_at: int = 0
    expires_at: int | None = None
    revoked_at: int | None = None
    replaced_by: str = ""
    """The id of the key that it was rotated to."""
    last_used_at: int | None = None
    """Within a minute."""


@dataclass(frozen=True, slots=True)
class User:
    """A person. The password is kept as an Argon2 hash."""

    id: str
    email: str
    """In lower case; no two users share one."""
    password: str = field(repr=False)
    roles: Mapping[str, Role]
    """By tenant, or by ``ALL_TENANTS``."""
    created_at: int = 0
    disabled_at: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One login of a user, for as long as it is refreshed."""

    id: str
    user_id: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A link that works once."""

    digest: str = field(repr=False)
    purpose: Purpose
    user_id: str
    """Whose password may be set; empty in that of the first owner."""
    expires_at: int


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the trail: who did what to what."""

    at: int
    actor: str
    action: str
    tenant: str
    """Empty where it is no tenant's."""
    subject: str
    detail: Mapping[str, Any]
    id: int = 0
    """Given by the store."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything by which credentials are judged, at one version."""

    version: int
    secret: str = field(repr=False)
    """Signs tokens, the same in every process."""
    keys: Sequence[Key]
    """Neither revoked nor expired."""
    users: Sequence[User]
    """Not disabled."""
    ended_sessions: frozenset[str]
    """Those that ended lately: their tokens may still be out."""


class Keys(Protocol):
    """Write and secret keys."""

    async def add(self, key: Key, actor: str) -> None:
        """Keep a new key."""
        ...

    async def keys(self, tenant: str | None = None) -> Sequence[Key]:
        """Those of one tenant or of all, revoked and expired ones included, the oldest first."""
        ...

    async def key(self, key_id: str) -> Key:
        """One key.

        Raises:
            NotFound: there is none of this id.
        """
        ...

    async def rotate(self, key_id: str, new: Key, ends_at: int, actor: str) -> None:
        """Keep the new key, and end the old one at a time, or at its own if that is earlier.

        Raises:
            NotFound: there is none of this id.
            Conflict: ``key_ended``: it was revoked, has expired or was rotated before.
        """
        ...

    async def revoke(self, key_id: str, actor: str) -> None:
        """End a key at once. A key that was revoked before stays as it is.

        Raises:
            NotFound: there is none of this id.
        """
        ...


class Users(Protocol):
    """People and their roles."""

    async def add(self, user: User, actor: str, *, first: bool = False) -> None:
        """Keep a new user; ``first`` only while there is no other.

        Raises:
            Conflict: ``user_exists``.
        """
        ...

    async def users(self, tenant: str | None = None) -> Sequence[User]:
        """Everyone who has a role in the tenant, or everyone, by email."""
        ...

    async def user(self, email: str) -> User:
        """One user, by email.

        Raises:
            NotFound: there is none.
        """
        ...

    async def put(self, user: User, actor: str, action: str) -> None:
        """Replace a user's password, roles and whether they are disabled. Their sessions end where the password or the latter
        changed.

        Raises:
            NotFound: there is none of this id.
        """
        ...


class Sessions(Protocol):
    """Logins. Of each the newest refresh token works, once; one that is used twice was stolen, and ends the session."""

    async def begin(self, session: Session, digest: str) -> None:
        """Keep a new session with its first refresh token."""
        ...

    async def refresh(self, digest: str, next_digest: str) -> Session:
        """Exchange a refresh token for the next one.

        Raises:
            Unauthorized: ``invalid_token``: it is unknown, was used, or its session has ended.
        """
        ...

    async def of(self, digest: str) -> Session:
        """The session whose newest refresh token this is, which stays what it is: for browsers, where the token is in a cookie
        that no script reads and several tabs share.

        Raises:
            Unauthorized: ``invalid_token``, as of ``refresh``.
        """
        ...

    async def end(self, session_id: str, actor: str) -> None:
        """End a session; one that has ended or never was stays so."""
        ...


class Tickets(Protocol):
    """Links that work once."""

    async def issue(self, ticket: Ticket, actor: str) -> None:
        """Keep a ticket. Those of before for the same purpose and user end."""
        ...

    async def redeem(self, digest: str, purpose: Purpose) -> Ticket:
        """Take a ticket: whoever comes second has none.

        Raises:
            Unauthorized: ``invalid_token``: it is unknown, was used, or its time is over.
        """
        ...


class Trail(Protocol):
    """What was changed, for ever."""

    async def take(self, changes: Sequence[Change]) -> None:
        """Add lines of what happened elsewhere, each at its own time."""
        ...

    async def changes(
        self,
        *,
        tenant: str | None = None,
        after: int = 0,
        limit: int = 100,
        newest_first: bool = False,
        action: str = "",
        text: str = "",
    ) -> Sequence[Change]:
        """A page of it, from behind the line ``after``; 0 begins at the first one of the order.

        Args:
            action: of these lines alone; empty is any.
            text: what the subject or the actor has in it, in either case; empty is anything.
        """
        ...


class AccessState(Protocol):
    """What processes read to judge credentials."""

    async def version(self) -> int:
        """Grows with each change of a key, a user or a session."""
        ...

    async def snapshot(self) -> Snapshot:
        """Everything at once."""
        ...

    async def used(self, keys: Mapping[str, int]) -> None:
        """When keys were used last, by id."""
        ...


@dataclass(frozen=True, slots=True)
class AccessPorts:
    """All of them on one store."""

    keys: Keys
    users: Users
    sessions: Sessions
    tickets: Tickets
    trail: Trail
    state: AccessState
