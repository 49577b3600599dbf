"""The tables of the records, the same on SQLite and PostgreSQL; made by the migrations, which a test compares with them."""

from sqlalchemy import BigInteger, Float, Index, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# BIGINT would not count up by itself on SQLite.
_Counted = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Of all tables. Constraints have names, or no later migration could drop one."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class TenantRow(Base):
    """One tenant's settings."""

    __tablename__ = "tenants"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    tier: Mapped[str] = mapped_column(String(32))
    events_a_minute: Mapped[int | None] = mapped_column(BigInteger)
    retention_days: Mapped[int | None] = mapped_column(Integer)
    time_zone: Mapped[str] = mapped_column(String(64))
    denied: Mapped[str] = mapped_column(Text, server_default="[]")
    hashed: Mapped[str] = mapped_column(Text, server_default="[]")
    hash_secret: Mapped[str] = mapped_column(String(64), server_default="")
    signals: Mapped[str | None] = mapped_column(String(16))
    event_days: Mapped[str] = mapped_column(Text, server_default="{}")


class DecisionRow(Base):
    """What was decided about a dead letter."""

    __tablename__ = "dead_letter_decisions"

    id: Mapped[int] = mapped_column(_Counted, primary_key=True, autoincrement=True)
    letter_id: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[str] = mapped_column(String(64))
    tenant: Mapped[str] = mapped_column(String(64), index=True)
    event_id: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(16))
    at: Mapped[int] = mapped_column(BigInteger)


class AuditRow(Base):
    """What the last audit of a kind found."""

    __tablename__ = "audit_states"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    hours: Mapped[int] = mapped_column(Integer)
    duplicate_rows: Mapped[int] = mapped_column(BigInteger)
    rollup_differences: Mapped[int] = mapped_column(BigInteger)


class ErasureRow(Base):
    """Somebody who was erased, by hashes. Lists and objects are JSON text."""

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(_Counted, primary_key=True, autoincrement=True)
    tenant: Mapped[str] = mapped_column(String(64), index=True)
    salt: Mapped[str] = mapped_column(String(64))
    digests: Mapped[str] = mapped_column(Text)
    before: Mapped[int] = mapped_column(BigInteger)
    hours: Mapped[str] = mapped_column(Text)
    rows: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(16), index=True)
    at: Mapped[int] = mapped_column(BigInteger)


class VerifiedRow(Base):
    """A question in plain language that somebody found well answered."""

    __tablename__ = "verified_questions"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    question: Mapped[str] = mapped_column(String(1000), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    asked: Mapped[str] = mapped_column(Text)
    sql: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[int] = mapped_column(BigInteger)


class SpendingRow(Base):
    """What language models have cost a tenant on one day."""

    __tablename__ = "model_spending"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    micro_usd: Mapped[int] = mapped_column(BigInteger)


class SavedRow(Base):
    """A statement in SQL that a tenant saved. The defaults are JSON text."""

    __tablename__ = "saved_statements"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    sql: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    defaults: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[int] = mapped_column(BigInteger)


class AskedRow(Base):
    """A statement in SQL that was asked."""

    __tablename__ = "asked_statements"
    __table_args__ = (Index(None, "tenant", "id"),)

    id: Mapped[int] = mapped_column(_Counted, primary_key=True, autoincrement=True)
    tenant: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(128))
    saved: Mapped[str] = mapped_column(String(64))
    sql: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(BigInteger)
    milliseconds: Mapped[float] = mapped_column(Float)
    at: Mapped[int] = mapped_column(BigInteger, index=True)


class DescriptionRow(Base):
    """What a tenant writes about one of its event types or properties. The synonyms are JSON text."""

    __tablename__ = "descriptions"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    label: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text)
    synonyms: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[int] = mapped_column(BigInteger)


class SegmentRow(Base):
    """A filter that a tenant keeps under a name, as JSON text."""

    __tablename__ = "segments"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    label: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text)
    filter: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(128))
    at: Mapped[int] = mapped_column(BigInteger)


class DashboardRow(Base):
    """A dashboard. Its layout and widgets are JSON text; one that was deleted is kept for a while."""

    __tablename__ = "dashboards"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    widgets: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[int | None] = mapped_column(BigInteger)


class DashboardLinkRow(Base):
    """A link to a dashboard, by the hash of its token."""

    __tablename__ = "dashboard_links"
    __table_args__ = (Index(None, "tenant", "dashboard"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    dashboard: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    shown: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
