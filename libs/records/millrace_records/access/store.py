"""Keys, the trail and the snapshot through SQLAlchemy, on either engine."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import or_, select, update

from millrace_core.errors import Conflict, NotFound
from millrace_core.time import now_ms
from millrace_records.access.changing import Changing, line_of
from millrace_records.access.models import ChangeRow, KeyRow, SessionRow, StateRow
from millrace_records.access.people import SqlSessions, SqlTickets, SqlUsers, users_of
from millrace_records.access.ports import AccessPorts, Change, Key, Snapshot
from millrace_records.transactions import Transactions

_ENDED_MS: Final = 24 * 3_600_000  # longer than any access token is good for


def access_ports(transactions: Transactions, clock: Callable[[], int] = now_ms) -> AccessPorts:
    """All ports on these transactions."""
    changing = Changing(transactions, clock)
    return AccessPorts(
        SqlKeys(changing),
        SqlUsers(changing),
        SqlSessions(changing),
        SqlTickets(changing),
        SqlTrail(changing),
        SqlAccessState(changing),
    )


class SqlKeys:
    """Keys."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    async def add(self, key: Key, actor: str) -> None:
        """See Keys."""
        async with self._changing.changing() as session:
            session.add(_row(key))
            self._changing.tell(session, actor, "key_created", key.tenant, key.id, **_told(key))

    async def keys(self, tenant: str | None = None) -> Sequence[Key]:
        """See Keys."""
        asked = select(KeyRow).order_by(KeyRow.created_at, KeyRow.id)
        if tenant is not None:
            asked = asked.where(KeyRow.tenant == tenant)
        async with self._changing.reading() as session:
            return [_key(row) for row in await session.scalars(asked)]

    async def key(self, key_id: str) -> Key:
        """See Keys."""
        async with self._changing.reading() as session:
            return _key(_found(await session.get(KeyRow, key_id), key_id))

    async def rotate(self, key_id: str, new: Key, ends_at: int, actor: str) -> None:
        """See Keys."""
        async with self._changing.changing() as session:
            row, now = _found(await session.get(KeyRow, key_id), key_id), self._changing.now
            if row.revoked_at is not None or row.replaced_by or (row.expires_at is not None and row.expires_at <= now):
                raise Conflict(f"The key {key_id} has ended or was rotated before.", code="key_ended")
            row.expires_at = ends_at if row.expires_at is None else min(row.expires_at, ends_at)
            row.replaced_by = new.id
            session.add(_row(new))
            self._changing.tell(session, actor, "key_rotated", row.tenant, key_id, ends_at=row.expires_at, **_told(new))

    async def revoke(self, key_id: str, actor: str) -> None:
        """See Keys."""
        async with self._changing.changing() as session:
            row = _found(await session.get(KeyRow, key_id), key_id)
            if row.revoked_at is None:
                row.revoked_at = self._changing.now
                self._changing.tell(session, actor, "key_revoked", row.tenant, key_id)


class SqlTrail:
    """Trail."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    async def take(self, changes: Sequence[Change]) -> None:
        """See Trail."""
        async with self._changing.reading() as session:
            session.add_all(line_of(change) for change in changes)

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
        """See Trail."""
        asked = select(ChangeRow).order_by(ChangeRow.id.desc() if newest_first else ChangeRow.id).limit(limit)
        if after:
            asked = asked.where(ChangeRow.id < after if newest_first else ChangeRow.id > after)
        if tenant is not None:
            asked = asked.where(ChangeRow.tenant == tenant)
        if action:
            asked = asked.where(ChangeRow.action == action)
        if text:
            found = (column.icontains(text, autoescape=True) for column in (ChangeRow.subject, ChangeRow.actor))
            asked = asked.where(or_(*found))
        async with self._changing.reading() as session:
            return [
                Change(row.at, row.actor, row.action, row.tenant, row.subject, json.loads(row.detail), row.id)
                for row in await session.scalars(asked)
            ]


class SqlAccessState:
    """AccessState."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    async def version(self) -> int:
        """See AccessState."""
        async with self._changing.reading() as session:
            return (await session.scalars(select(StateRow.version))).one()

    async def snapshot(self) -> Snapshot:
        """See AccessState."""
        now = self._changing.now
        alive = select(KeyRow).where(KeyRow.revoked_at.is_(None), or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > now))
        ended = select(SessionRow.id).where(SessionRow.ended_at > now - _ENDED_MS)
        async with self._changing.reading() as session:
            # The version first: what changes meanwhile is read again by the next look at it.
            state = (await session.scalars(select(StateRow))).one()
            keys = [_key(row) for row in await session.scalars(alive)]
            users = [user for user in await users_of(session) if user.disabled_at is None]
            return Snapshot(state.version, state.secret, keys, users, frozenset(await session.scalars(ended)))

    async def used(self, keys: Mapping[str, int]) -> None:
        """See AccessState."""
        async with self._changing.reading() as session:
            for key_id, at in sorted(keys.items()):
                newer = or_(KeyRow.last_used_at.is_(None), KeyRow.last_used_at < at)
                await session.execute(update(KeyRow).where(KeyRow.id == key_id, newer).values(last_used_at=at))


def _found(row: KeyRow | None, key_id: str) -> KeyRow:
    if row is None:
        raise NotFound(f"There is no key {key_id}.")
    return row


def _told(key: Key) -> dict[str, Any]:
    return {"key": key.id, "kind": key.kind, "name": key.name, "shown": key.shown, "scopes": list(key.scopes)}


def _row(key: Key) -> KeyRow:
    given = dataclasses.asdict(key)
    return KeyRow(**{**given, "scopes": json.dumps(key.scopes), "origins": json.dumps(key.origins)})


def _key(row: KeyRow) -> Key:
    return Key(
        id=row.id,
        tenant=row.tenant,
        kind=cast("Any", row.kind),
        name=row.name,
        shown=row.shown,
        digest=row.digest,
        scopes=tuple(json.loads(row.scopes)),
        origins=tuple(json.loads(row.origins)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        replaced_by=row.replaced_by,
        last_used_at=row.last_used_at,
    )
