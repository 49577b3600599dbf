"""Records through SQLAlchemy, on either engine."""

import dataclasses
import json
import secrets
from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from millrace_core.errors import NotFound
from millrace_core.privacy import Signals
from millrace_records.access.changing import Changing
from millrace_records.access.ports import AccessPorts
from millrace_records.access.store import access_ports
from millrace_records.catalogue import CatalogueRecords, SqlCatalogue
from millrace_records.dashboard_store import SqlDashboards
from millrace_records.dashboards import DashboardRecords
from millrace_records.erasures import SqlErasures
from millrace_records.models import AuditRow, DecisionRow, TenantRow
from millrace_records.ports import AuditState, Decision, Erasures, Tenant, Tier
from millrace_records.questions import QuestionRecords, SqlQuestions
from millrace_records.statements import SqlStatements, StatementRecords
from millrace_records.transactions import Transactions, put

_ROLLUPS: Final = "rollups"
_AS_JSON: Final = ("denied", "hashed", "event_days")


class SqlRecords:
    """Records."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._transactions = Transactions(engine)
        self._changing = Changing(self._transactions)
        self._access = access_ports(self._transactions)
        self._erasures = SqlErasures(self._transactions, self._changing)
        self._questions = SqlQuestions(self._transactions)
        self._statements = SqlStatements(self._transactions, self._changing)
        self._catalogue = SqlCatalogue(self._transactions, self._changing)
        self._dashboards = SqlDashboards(self._transactions, self._changing)

    @property
    def questions(self) -> QuestionRecords:
        """See Records."""
        return self._questions

    @property
    def statements(self) -> StatementRecords:
        """See Records."""
        return self._statements

    @property
    def catalogue(self) -> CatalogueRecords:
        """See Records."""
        return self._catalogue

    @property
    def dashboards(self) -> DashboardRecords:
        """See Records."""
        return self._dashboards

    @property
    def erasures(self) -> Erasures:
        """See Records."""
        return self._erasures

    @property
    def access(self) -> AccessPorts:
        """See Records."""
        return self._access

    async def tenants(self) -> Sequence[Tenant]:
        """See Records."""
        async with self._transactions.begin() as session:
            return [_tenant(row) for row in await session.scalars(select(TenantRow).order_by(TenantRow.name))]

    async def tenant(self, name: str) -> Tenant:
        """See Records."""
        async with self._transactions.begin() as session:
            row = await session.get(TenantRow, name)
        if row is None:
            raise NotFound(f"{name} has no record")
        return _tenant(row)

    async def put_tenant(self, tenant: Tenant, actor: str = "server") -> None:
        """See Records."""
        settled = dataclasses.asdict(tenant)
        secret = settled.pop("hash_secret")
        async with self._transactions.begin(alone=f"tenant {tenant.name}") as session:  # or two would make a secret each
            if not secret:
                known = await session.get(TenantRow, tenant.name)
                secret = known.hash_secret if known is not None else ""
            if not secret and tenant.hashed:
                secret = secrets.token_hex(32)
            texts = {name: json.dumps(settled[name]) for name in _AS_JSON}
            await put(session, TenantRow(**{**settled, **texts, "hash_secret": secret}))
            self._changing.tell(session, actor, "tenant_changed", tenant.name, tenant.name, **settled)

    async def remove_tenant(self, name: str, actor: str = "server") -> bool:
        """See Records."""
        async with self._transactions.begin() as session:
            result: Any = await session.execute(delete(TenantRow).where(TenantRow.name == name))
            if result.rowcount:
                self._changing.tell(session, actor, "tenant_removed", name, name)
            return bool(result.rowcount)

    async def decide(self, decisions: Sequence[Decision]) -> None:
        """See Records."""
        async with self._transactions.begin() as session:
            session.add_all(
                DecisionRow(
                    letter_id=one.letter_id,
                    position=one.position,
                    tenant=one.tenant,
                    event_id=one.event_id,
                    reason=one.reason,
                    action=one.action,
                    at=one.at,
                )
                for one in decisions
            )

    async def decisions(self, *, tenant: str | None = None, after: int = 0, limit: int = 100) -> Sequence[Decision]:
        """See Records."""
        asked = select(DecisionRow).where(DecisionRow.id > after).order_by(DecisionRow.id).limit(limit)
        if tenant is not None:
            asked = asked.where(DecisionRow.tenant == tenant)
        async with self._transactions.begin() as session:
            return [_decision(row) for row in await session.scalars(asked)]

    async def save_audit(self, state: AuditState) -> None:
        """See Records."""
        async with self._transactions.begin() as session:
            row = AuditRow(
                kind=_ROLLUPS,
                at=state.at,
                hours=state.hours,
                duplicate_rows=state.duplicate_rows,
                rollup_differences=state.rollup_differences,
            )
            await put(session, row)

    async def last_audit(self) -> AuditState | None:
        """See Records."""
        async with self._transactions.begin() as session:
            row = await session.get(AuditRow, _ROLLUPS)
        return None if row is None else AuditState(row.at, row.hours, row.duplicate_rows, row.rollup_differences)

    async def ping(self) -> None:
        """See Records."""
        async with self._transactions.begin() as session:
            await session.execute(text("SELECT 1"))


def _tenant(row: TenantRow) -> Tenant:
    return Tenant(
        name=row.name,
        tier=cast("Tier", row.tier),
        events_a_minute=row.events_a_minute,
        retention_days=row.retention_days,
        time_zone=row.time_zone,
        denied=tuple(json.loads(row.denied)),
        hashed=tuple(json.loads(row.hashed)),
        hash_secret=row.hash_secret,
        signals=cast("Signals | None", row.signals),
        event_days=json.loads(row.event_days),
    )


def _decision(row: DecisionRow) -> Decision:
    action: Any = row.action
    return Decision(row.letter_id, row.position, row.tenant, row.event_id, row.reason, action, row.at, row.id)
