"""Users, their sessions and links that work once, through SQLAlchemy, on either engine."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.access import Role
from millrace_core.errors import Conflict, NotFound, Unauthorized
from millrace_records.access.changing import Changing
from millrace_records.access.models import RefreshRow, RoleRow, SessionRow, TicketRow, UserRow
from millrace_records.access.ports import Purpose, Session, Ticket, User


class SqlUsers:
    """Users."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    async def add(self, user: User, actor: str, *, first: bool = False) -> None:
        """See Users."""
        async with self._changing.changing() as session:
            same = select(func.count()).select_from(UserRow)
            if await session.scalar(same if first else same.where(UserRow.email == user.email)):
                raise Conflict("There is a user already." if first else f"{user.email} is a user already.", code="user_exists")
            session.add(UserRow(id=user.id, email=user.email, password=user.password, created_at=user.created_at))
            await session.flush()
            _give_roles(session, user)
            self._tell(session, user, actor, "user_created")

    async def users(self, tenant: str | None = None) -> Sequence[User]:
        """See Users."""
        async with self._changing.reading() as session:
            return [one for one in await users_of(session) if tenant is None or tenant in one.roles]

    async def user(self, email: str) -> User:
        """See Users."""
        async with self._changing.reading() as session:
            row = (await session.scalars(select(UserRow).where(UserRow.email == email))).one_or_none()
            if row is None:
                raise NotFound(f"There is no user {email}.")
            roles = await session.scalars(select(RoleRow).where(RoleRow.user_id == row.id))
            return _user(row, {role.tenant: cast("Role", role.role) for role in roles})

    async def put(self, user: User, actor: str, action: str) -> None:
        """See Users."""
        async with self._changing.changing() as session:
            row = await session.get(UserRow, user.id)
            if row is None:
                raise NotFound(f"There is no user {user.email}.")
            if row.password != user.password or row.disabled_at != user.disabled_at:
                logins = update(SessionRow).where(SessionRow.user_id == user.id, SessionRow.ended_at.is_(None))
                await session.execute(logins.values(ended_at=self._changing.now))
            row.password, row.disabled_at = user.password, user.disabled_at
            before = list(await session.scalars(select(RoleRow.tenant).where(RoleRow.user_id == user.id)))
            await session.execute(delete(RoleRow).where(RoleRow.user_id == user.id))
            _give_roles(session, user)
            self._tell(session, user, actor, action, before)

    def _tell(self, session: AsyncSession, user: User, actor: str, action: str, before: Iterable[str] = ()) -> None:
        """A line for each tenant that the user has or had a role in, so that each sees it in its own trail."""
        for tenant in dict.fromkeys([*user.roles, *before]) or ("",):
            self._changing.tell(session, actor, action, tenant, user.email, role=user.roles.get(tenant))


class SqlSessions:
    """Sessions."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    async def begin(self, session: Session, digest: str) -> None:
        """See Sessions."""
        async with self._changing.reading() as opened:
            over = select(SessionRow.id).where(SessionRow.expires_at < self._changing.now)
            await opened.execute(delete(RefreshRow).where(RefreshRow.session_id.in_(over)))
            await opened.execute(delete(SessionRow).where(SessionRow.expires_at < self._changing.now))
            opened.add(
                SessionRow(id=session.id, user_id=session.user_id, created_at=self._changing.now, expires_at=session.expires_at)
            )
            await opened.flush()
            opened.add(RefreshRow(digest=digest, session_id=session.id))
            self._changing.tell(opened, f"user:{session.user_id}", "login", "", session.id)

    async def refresh(self, digest: str, next_digest: str) -> Session:
        """See Sessions."""
        stolen: str | None = None
        async with self._changing.reading() as opened:
            taken: Any = await opened.execute(
                update(RefreshRow)
                .where(RefreshRow.digest == digest, RefreshRow.used_at.is_(None))
                .values(used_at=self._changing.now)
            )
            token = await opened.get(RefreshRow, digest)
            row = await opened.get(SessionRow, token.session_id) if token is not None else None
            if row is None or row.ended_at is not None or row.expires_at <= self._changing.now:
                raise _invalid()
            if taken.rowcount:
                opened.add(RefreshRow(digest=next_digest, session_id=row.id))
                return Session(row.id, row.user_id, row.expires_at)
            stolen = row.id
        await self.end(stolen, "server")
        raise _invalid()

    async def of(self, digest: str) -> Session:
        """See Sessions."""
        async with self._changing.reading() as opened:
            token = await opened.get(RefreshRow, digest)
            row = await opened.get(SessionRow, token.session_id) if token is not None and token.used_at is None else None
            if row is None or row.ended_at is not None or row.expires_at <= self._changing.now:
                raise _invalid()
            return Session(row.id, row.user_id, row.expires_at)

    async def end(self, session_id: str, actor: str) -> None:
        """See Sessions."""
        async with self._changing.changing() as opened:
            row = await opened.get(SessionRow, session_id)
            if row is not None and row.ended_at is None:
                row.ended_at = self._changing.now
                self._changing.tell(opened, actor, "session_ended", "", session_id)


class SqlTickets:
    """Tickets."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    async def issue(self, ticket: Ticket, actor: str) -> None:
        """See Tickets."""
        async with self._changing.reading() as session:
            same = (TicketRow.purpose == ticket.purpose) & (TicketRow.user_id == ticket.user_id)
            await session.execute(delete(TicketRow).where(same | (TicketRow.expires_at < self._changing.now)))
            session.add(
                TicketRow(digest=ticket.digest, purpose=ticket.purpose, user_id=ticket.user_id, expires_at=ticket.expires_at)
            )
            self._changing.tell(session, actor, "ticket_issued", "", ticket.user_id, purpose=ticket.purpose)

    async def redeem(self, digest: str, purpose: Purpose) -> Ticket:
        """See Tickets."""
        async with self._changing.reading() as session:
            row = await session.get(TicketRow, digest)
            taken: Any = await session.execute(
                delete(TicketRow).where(
                    TicketRow.digest == digest, TicketRow.purpose == purpose, TicketRow.expires_at > self._changing.now
                )
            )
            if row is None or not taken.rowcount:
                raise _invalid()
            return Ticket(digest, purpose, row.user_id, row.expires_at)


async def users_of(session: AsyncSession) -> list[User]:
    """Everyone, by email."""
    roles: defaultdict[str, dict[str, Role]] = defaultdict(dict)
    for role in await session.scalars(select(RoleRow).order_by(RoleRow.tenant)):
        roles[role.user_id][role.tenant] = cast("Role", role.role)
    return [_user(row, roles[row.id]) for row in await session.scalars(select(UserRow).order_by(UserRow.email))]


def _give_roles(session: AsyncSession, user: User) -> None:
    session.add_all(RoleRow(user_id=user.id, tenant=tenant, role=role) for tenant, role in user.roles.items())


def _user(row: UserRow, roles: dict[str, Role]) -> User:
    return User(row.id, row.email, row.password, roles, row.created_at, row.disabled_at)


def _invalid() -> Unauthorized:
    return Unauthorized("This token is not valid, or not any more.", code="invalid_token")
