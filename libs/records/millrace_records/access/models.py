"""The tables of access control. Times are milliseconds since the epoch; lists and objects are JSON text."""

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from millrace_records.models import Base

# BIGINT would not count up by itself on SQLite.
_Counted = BigInteger().with_variant(Integer, "sqlite")


class KeyRow(Base):
    """A write key or a secret key, by the hash of its secret."""

    __tablename__ = "access_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(128))
    shown: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(Text)
    origins: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    replaced_by: Mapped[str] = mapped_column(String(32))
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)


class UserRow(Base):
    """A person."""

    __tablename__ = "access_users"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[int] = mapped_column(BigInteger)
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)


class RoleRow(Base):
    """What a person is to a tenant."""

    __tablename__ = "access_roles"

    user_id: Mapped[str] = mapped_column(String(32), ForeignKey("access_users.id"), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class SessionRow(Base):
    """A login."""

    __tablename__ = "access_sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(32), ForeignKey("access_users.id"), index=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger, index=True)


class RefreshRow(Base):
    """A refresh token of a session, by its hash."""

    __tablename__ = "access_refresh_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(32), ForeignKey("access_sessions.id"), index=True)
    used_at: Mapped[int | None] = mapped_column(BigInteger)


class TicketRow(Base):
    """A link that works once, by the hash of its token."""

    __tablename__ = "access_tickets"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[int] = mapped_column(BigInteger)


class ChangeRow(Base):
    """One line of the trail."""

    __tablename__ = "access_changes"

    id: Mapped[int] = mapped_column(_Counted, primary_key=True, autoincrement=True)
    at: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(128))
    action: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(320))
    detail: Mapped[str] = mapped_column(Text)


class StateRow(Base):
    """One row: the version that each change raises, and the secret that signs tokens."""

    __tablename__ = "access_state"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)
    secret: Mapped[str] = mapped_column(String(128))
