"""Makes analytics of opened ports."""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from fastapi import APIRouter

from millrace_analytics.accounts.links import first_owner_link
from millrace_analytics.accounts.logins import Logins
from millrace_analytics.accounts.mail import Mail
from millrace_analytics.accounts.routes import accounts_router
from millrace_analytics.accounts.sessions import sessions_router
from millrace_analytics.accounts.setup import setup_router
from millrace_analytics.ai.routes import ai_router
from millrace_analytics.ai.wiring import OpenModel, build_desk
from millrace_analytics.analytics_query import analytics_query_router
from millrace_analytics.asking.answers import Answers, Keeping
from millrace_analytics.asking.history import History
from millrace_analytics.asking.limits import AskingLimit
from millrace_analytics.asking.questions import QuestionAsking
from millrace_analytics.asking.sql import SqlAsking
from millrace_analytics.asking.versions import Versions
from millrace_analytics.families.catalogue.keeping import Keeping as KeepingWritten
from millrace_analytics.families.catalogue.routes import written_router
from millrace_analytics.families.commerce.routes import commerce_router
from millrace_analytics.families.dashboards.wiring import DashboardParts, dashboard_routers
from millrace_analytics.families.ingest.lookup import Lookups
from millrace_analytics.families.ingest.routes import ingest_router
from millrace_analytics.families.product.routes import product_router
from millrace_analytics.families.questions.routes import catalogue_router, questions_router
from millrace_analytics.families.questions.streaming import Watching
from millrace_analytics.families.realtime.dashboard import Dashboards
from millrace_analytics.families.realtime.routes import realtime_router
from millrace_analytics.families.saved.routes import saved_router
from millrace_analytics.families.saved.saving import SavedStatements
from millrace_analytics.families.schema.routes import schema_router
from millrace_analytics.families.tenants.routes import tenants_router
from millrace_analytics.live.found_out import FoundOut
from millrace_analytics.live.hub import Hub
from millrace_analytics.live.responses import LiveResponses
from millrace_analytics.questioning import Questioning
from millrace_analytics.settings import AccountSettings, AnalyticsSettings
from millrace_analytics.tenant_catalogue import TenantCatalogue
from millrace_analytics.tenant_zones import TenantZones
from millrace_analytics.web.look import Look
from millrace_core.access import Caller
from millrace_core.errors import RecordsUnavailable, Unauthorized
from millrace_eventlog.ports import LogPorts
from millrace_records.access.checking import AccessCheck
from millrace_records.access.ports import AccessPorts
from millrace_records.cache.ports import CachePorts, Limits
from millrace_records.ports import Records
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_warehouse.breaking import BreakingWarehouse, Circuit
from millrace_warehouse.ports import WarehousePorts

_SQL_A_MINUTE = 100
"""That the realtime contract documents."""
_QUESTIONS_A_MINUTE = 600
_DASHBOARDS_A_MINUTE = 100
"""That the commerce contract documents."""

_log = structlog.get_logger("millrace.access")

SERVICE = "real-time-analytics-api"
"""The name that the realtime contract documents."""


@dataclass(frozen=True, slots=True)
class AnalyticsService:
    """The routes of analytics, its live streams, which end before the process does, and what it does meanwhile."""

    routers: Sequence[APIRouter]
    hub: Hub
    work: Sequence[Coroutine[None, None, None]]
    watching: Watching

    def close(self) -> None:
        """End the live streams."""
        self.hub.close()
        self.watching.close()


@dataclass(frozen=True, slots=True)
class Accounts:
    """The routes of logins, and a link to the first owner's form."""

    routers: Sequence[APIRouter]
    mail: Mail | None
    first_owner: str | None
    """The path of a link that works once; None once there is a user."""


async def build_accounts(
    settings: AccountSettings, ports: AccessPorts, access: AccessCheck, limits: Limits, public_url: str, look: Look
) -> Accounts:
    """Logins on these ports.

    Args:
        look: of the page, which the form for passwords takes.
    """
    mail = Mail(settings.smtp_url) if settings.smtp_url else None
    logins = Logins(settings, ports, access, limits, mail, public_url)
    try:
        first_owner = await first_owner_link(ports, public_url)
    except RecordsUnavailable:
        _log.warning("first_owner_unknown")
        first_owner = None
    routers = [
        accounts_router(logins, access, settings.stream_token_seconds),
        sessions_router(logins, settings.login_days, public_url),
        setup_router(logins, look),
    ]
    return Accounts(routers, mail, first_owner)


def build(
    settings: AnalyticsSettings,
    warehouse: WarehousePorts,
    log: LogPorts,
    cache: CachePorts,
    metrics: Metrics,
    health: Health,
    access: AccessCheck | None = None,
    records: Records | None = None,
    *,
    model: OpenModel | None = None,
) -> AnalyticsService:
    """Analytics on these ports; its check joins ``health``.

    Args:
        access: who may look at what; None lets everyone.
        records: what is settled for tenants; None where this process has none.
        model: the language model; without one the offline matcher reads questions.
    """
    reads = BreakingWarehouse(warehouse.reads, Circuit(metrics))
    answers = Answers(cache.cache, Versions(reads, settings.answers_open_seconds), _keeping(settings), metrics)
    hub = Hub(log.tail, settings, metrics, FoundOut(reads))
    dashboards = Dashboards(reads, answers, settings.dashboard_cache_seconds)
    lookups = Lookups(reads, warehouse.writer.stored_ids, log.tail, log.dead_letters)
    health.add("warehouse", reads.ping)
    limit = partial(_limit, cache, metrics, is_metered=access is not None)
    questions_limit = limit("questions", settings.query_questions_a_minute, _QUESTIONS_A_MINUTE)
    zones, catalogue = TenantZones(records), TenantCatalogue(records)
    questions = QuestionAsking(reads, answers, settings.answers_open_seconds)
    questioning = Questioning(questions, zones, catalogue, questions_limit, metrics)
    watching, may_go_on = Watching(settings.question_streams), partial(_may_go_on, access)
    live = LiveResponses(hub, settings, may_go_on)
    statements = records.statements if records is not None else None
    history = History(statements, settings.query_history_days)
    asking = SqlAsking(reads, answers, limit("sql", settings.query_sql_a_minute, _SQL_A_MINUTE), metrics, history.note)
    dashboards_limit = limit("dashboards", settings.query_dashboards_a_minute, _DASHBOARDS_A_MINUTE)
    desk = build_desk(
        settings, reads, questions, cache, metrics, model or OpenModel(), zones, records, is_metered=access is not None
    )
    routers = [
        realtime_router(asking, dashboards, live),
        ai_router(desk),
        ingest_router(reads, lookups, live),
        questions_router(questioning, settings, watching, may_go_on),
        catalogue_router(),
        written_router(KeepingWritten(catalogue)),
        commerce_router(questioning),
        product_router(questioning),
        analytics_query_router(questioning, asking),
        schema_router(reads, answers, catalogue),
        saved_router(SavedStatements(asking, statements), asking, history),
        tenants_router(zones, records, access),
        *dashboard_routers(DashboardParts(questioning, asking.unnoted(), records, zones, dashboards_limit)),
    ]
    told = cache.messages
    work = [hub.forget_erased(told), answers.forget_erased(told), zones.follow(told), history.keep()]
    return AnalyticsService(routers, hub, work, watching)


def _limit(
    cache: CachePorts, metrics: Metrics, scope: str, set_to: int | None, documented: int, *, is_metered: bool
) -> AskingLimit:
    """As set, else as documented where credentials are asked for, else none."""
    otherwise = documented if is_metered else 0
    return AskingLimit(cache.limits, metrics, scope, otherwise if set_to is None else set_to)


def _may_go_on(access: AccessCheck | None, caller: Caller, tenant: str) -> bool:
    """Whether a live stream may."""
    if access is None:
        return True
    try:
        return access.of(caller.who, caller.session).may("view", tenant)
    except Unauthorized:
        return False


def _keeping(settings: AnalyticsSettings) -> Keeping:
    return Keeping(
        settings.answers_open_seconds,
        settings.answers_open_most_seconds,
        settings.answers_closed_seconds,
        settings.answers_stale_seconds,
    )
