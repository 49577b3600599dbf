"""Who a credential belongs to, answered from memory: a lookup costs a hash, no wait and no question to the records.

Each process has a snapshot of everything by which credentials are judged, reads it anew when the version of the records grew,
and looks at that every two seconds and when it is told. So what was revoked is refused within five seconds everywhere, and at
once where Redis tells. While the records do not answer the last snapshot holds: nothing can be revoked then, either.
"""

import contextlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from millrace_core.access import RIGHTS_OF_ROLES, SERVER, Caller, digest_of, rights_of
from millrace_core.errors import RecordsUnavailable, Unauthorized
from millrace_core.time import now_ms
from millrace_records.access.ports import ACCESS_CHANGED, AccessState, Key, Snapshot, User
from millrace_records.access.tokens import Claims, claims_of, token_of
from millrace_records.cache.looking import look_regularly
from millrace_records.cache.ports import Messages

LOOK_SECONDS: Final = 2.0
_USED_SECONDS: Final = 30.0
_MOST_TOKENS: Final = 10_000

_log = structlog.get_logger("millrace.access")


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key and what it allows."""

    key: Key
    caller: Caller


class AccessCheck:
    """Judges credentials.

    Args:
        messages: tell of changes, here and to others.
        clock: milliseconds since the epoch.
    """

    def __init__(self, state: AccessState, messages: Messages, clock: Callable[[], int] = now_ms) -> None:
        self._state = state
        self._messages = messages
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._by_digest: Mapping[str, KnownKey] = {}
        self._by_id: Mapping[str, KnownKey] = {}
        self._users: Mapping[str, Caller] = {}
        self._emails: Mapping[str, str] = {}
        self._tokens: dict[str, Claims] = {}
        self._used: dict[str, int] = {}
        self._used_told = time.monotonic()
        self._forget: list[Callable[[], None]] = []
        self.unmetered: set[str] = set()
        """Ids of the keys whose events do not count against limits. Always the same object."""

    def forget_by(self, forget: Callable[[], None]) -> None:
        """Have this called whenever what was found for a key may not hold any more: as soon as anything is changed, and at
        every look, so that who keeps an answer for a moment still asks every two seconds, and the key is known to be in use."""
        self._forget.append(forget)

    def caller(self, presented: str) -> Caller:
        """Whose key or login token this is.

        Raises:
            Unauthorized: ``unauthorized`` where nothing was presented, ``invalid_key``, ``invalid_token``.
            RecordsUnavailable: the records have not answered since the start.
        """
        if presented.count(".") == 2:
            return self._user(presented)
        return self.key(presented).caller

    def key(self, presented: str) -> KnownKey:
        """The key.

        Raises:
            Unauthorized: ``unauthorized`` where nothing was presented, ``invalid_key`` for what is no key of now.
            RecordsUnavailable: the records have not answered since the start.
        """
        if self._snapshot is None:
            raise RecordsUnavailable("Keys cannot be looked up now.")
        if not presented:
            raise Unauthorized("A key or a token is needed.")
        digest = digest_of(presented)
        known, now = self._by_digest.get(digest), self._clock()
        # The digest says nothing about the key, so that its lookup may take as long as it likes; equality takes always as long.
        if known is None or not hmac.compare_digest(known.key.digest, digest) or _is_over(known.key, now):
            raise Unauthorized("This key is not valid.", code="invalid_key")
        self._used[known.key.id] = now
        return known

    def of(self, who: str, session: str = "") -> Caller:
        """A caller as it stands now, by ``Caller.who`` and ``Caller.session``.

        Raises:
            Unauthorized: ``invalid_token``: the key or the user is not there any more, or the session has ended.
        """
        if self._snapshot is not None and session in self._snapshot.ended_sessions:
            raise _gone()
        if who == SERVER.who:
            return SERVER
        kind, _, name = who.partition(":")
        if kind == "key" and (known := self._by_id.get(name)) is not None and not _is_over(known.key, self._clock()):
            return known.caller
        if kind == "user" and (user := self._users.get(name)) is not None:
            return user
        raise _gone()

    def email_of(self, who: str) -> str | None:
        """Of a user, by ``Caller.who``; None of everyone else."""
        return self._emails.get(who)

    def stream_caller(self, token: str) -> Caller:
        """Whose stream's token this is, with the right to look at one tenant and nothing else.

        Raises:
            Unauthorized: ``invalid_token``.
            RecordsUnavailable: the records have not answered since the start.
        """
        claims = claims_of(self._known().secret, "stream", token)
        caller = self.of(claims.who, claims.session)
        if not caller.may("view", claims.scope):
            raise _gone()
        return Caller(claims.who, {claims.scope: frozenset({"view"})}, claims.session)

    def stream_token(self, caller: Caller, tenant: str, seconds: float) -> str:
        """A token for one tenant's streams, which ends with the caller's session."""
        return token_of(self._known().secret, "stream", caller.who, tenant, seconds, caller.session)

    def user_token(self, user_id: str, session_id: str, seconds: float) -> str:
        """A token of a login."""
        return token_of(self._known().secret, "user", user_id, session_id, seconds)

    def session_of(self, token: str) -> str:
        """The session of a login's token.

        Raises:
            Unauthorized: ``invalid_token``.
        """
        return claims_of(self._known().secret, "user", token).scope

    async def refresh(self) -> None:
        """Read the snapshot anew if there is a newer one.

        Raises:
            RecordsUnavailable: the records do not answer; the last one holds.
        """
        version = await self._state.version()
        if self._snapshot is None or self._snapshot.version != version:
            self._take(await self._state.snapshot())

    async def changed(self) -> None:
        """Something was changed here: judge by it from now on, and tell the other processes."""
        await self._messages.publish(ACCESS_CHANGED)
        with contextlib.suppress(RecordsUnavailable):
            await self.refresh()

    async def follow(self) -> None:
        """Keep the snapshot fresh, for ever; at the end tell which keys were used."""
        try:
            await look_regularly(self._messages, ACCESS_CHANGED, LOOK_SECONDS, self._look)
        finally:
            await self._tell_used()

    def _known(self) -> Snapshot:
        if self._snapshot is None:
            raise RecordsUnavailable("Tokens cannot be checked now.")
        return self._snapshot

    def _user(self, token: str) -> Caller:
        snapshot = self._known()
        claims = self._tokens.get(token)
        if claims is None:
            claims = claims_of(snapshot.secret, "user", token)
            if len(self._tokens) >= _MOST_TOKENS:
                self._tokens.clear()
            self._tokens[token] = claims
        user = self._users.get(claims.who)
        if user is None or claims.expires_at <= self._clock() / 1000 or claims.scope in snapshot.ended_sessions:
            raise _gone()
        return replace(user, session=claims.scope)

    def _take(self, snapshot: Snapshot) -> None:
        known = [_known_key(key) for key in snapshot.keys]
        self._by_digest = {one.key.digest: one for one in known}
        self._by_id = {one.key.id: one for one in known}
        self._users = {user.id: _caller_of(user) for user in snapshot.users}
        self._emails = {f"user:{user.id}": user.email for user in snapshot.users}
        self.unmetered.clear()
        self.unmetered.update(key.id for key in snapshot.keys if "admin" in key.scopes)
        self._snapshot = snapshot
        self._forget_all()

    def _forget_all(self) -> None:
        for forget in self._forget:
            forget()

    async def _look(self) -> None:
        self._forget_all()
        try:
            await self.refresh()
            if time.monotonic() - self._used_told > _USED_SECONDS:
                await self._tell_used()
        except RecordsUnavailable as error:
            _log.warning("access_not_read", cause=str(error.__cause__ or error))

    async def _tell_used(self) -> None:
        """When keys were used, at most twice a minute: nobody waits for it, and it may be lost."""
        used, self._used, self._used_told = self._used, {}, time.monotonic()
        if used:
            with contextlib.suppress(RecordsUnavailable):
                await self._state.used(used)


def _known_key(key: Key) -> KnownKey:
    return KnownKey(key, Caller(f"key:{key.id}", {key.tenant: rights_of(key.scopes)}))


def _caller_of(user: User) -> Caller:
    return Caller(f"user:{user.id}", {tenant: RIGHTS_OF_ROLES[role] for tenant, role in user.roles.items()})


def _is_over(key: Key, now: int) -> bool:
    return key.expires_at is not None and key.expires_at <= now


def _gone() -> Unauthorized:
    return Unauthorized("This token is not valid, or not any more.", code="invalid_token")
