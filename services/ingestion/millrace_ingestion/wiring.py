"""Makes the ingestion service of an opened log."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from millrace_core.time import now_ms
from millrace_eventlog.ports import LogWriter
from millrace_ingestion.acceptance import Acceptance, TimeWindow
from millrace_ingestion.app import App, create_app
from millrace_ingestion.bodies import BodyLimits, InFlight
from millrace_ingestion.counting import Counting
from millrace_ingestion.deadlines import Deadline
from millrace_ingestion.enrich.agents import Agents
from millrace_ingestion.enrich.cookieless import Salts
from millrace_ingestion.idempotency import Answers
from millrace_ingestion.kept_keys import KeptKeys
from millrace_ingestion.kept_tenants import KeptTenants
from millrace_ingestion.keys import OpenKeys, WriteKeys
from millrace_ingestion.outcomes import Outcomes
from millrace_ingestion.parts import Parts
from millrace_ingestion.privacy.filtering import Filtering
from millrace_ingestion.protocols.reading import Limits
from millrace_ingestion.senders import Senders
from millrace_ingestion.settings import IngestionSettings
from millrace_ingestion.tenant_limits import TenantLimits
from millrace_records.access.checking import AccessCheck
from millrace_records.cache.ports import CachePorts
from millrace_service.health import Health
from millrace_service.metrics import Metrics

SERVICE = "real-time-analytics-ingestion"
"""The name that the realtime contract documents."""

_DAY_MS = 86_400_000
_DOCUMENTED = 10_000
"""Events a minute that the realtime contract documents."""


@dataclass(frozen=True, slots=True)
class IngestionService:
    """The tracking routes, the limits that they keep, and what they tell of events that they do not accept."""

    app: App
    limits: TenantLimits
    outcomes: Outcomes


def build(
    settings: IngestionSettings,
    writer: LogWriter,
    cache: CachePorts,
    metrics: Metrics,
    health: Health,
    *,
    keys: WriteKeys | None = None,
    access: AccessCheck | None = None,
    clock: Callable[[], int] = now_ms,
    kept_in: Path | None = None,
) -> IngestionService:
    """The tracking routes on this log, as an ASGI application; its check joins ``health``.

    The application answers the paths of ``millrace_ingestion.protocols.routes`` and 404 elsewhere.

    Args:
        keys: who may send events for which tenant. None trusts what native events say, and takes a key of others for the
            tenant.
        access: who holds which key, where keys are required: instead of ``keys``.
        kept_in: the folder that keeps the tenants' settings for a start without the records.
    """
    agents = Agents()
    window = TimeWindow(ahead=round(settings.ingest_ahead_days * _DAY_MS), past=round(settings.ingest_past_days * _DAY_MS))
    health.add("ingestion", writer.ping)
    if access is not None:
        keys = KeptKeys(access)
    filtering = Filtering(settings.ingest_privacy_signals)
    kept = KeptTenants(kept_in) if kept_in is not None else None
    unmetered = access.unmetered if access else frozenset[str]()
    limits = TenantLimits(cache.limits, _events_a_minute(settings, access), unmetered, filtering.settle, kept)
    outcomes = Outcomes(writer, metrics)
    app = create_app(
        Parts(
            writer=writer,
            acceptance=Acceptance(window, agents, filtering),
            senders=Senders(settings, agents),
            counting=Counting(metrics),
            outcomes=outcomes,
            answers=Answers(cache.cache, settings.ingest_idempotency_hours * 3600),
            tenant_limits=limits,
            keys=keys or OpenKeys(),
            salts=Salts(cache.cache),
            in_flight=InFlight(settings.ingest_inflight_bytes),
            body_limits=BodyLimits(
                settings.ingest_body_bytes, settings.ingest_inflated_bytes, Deadline(settings.ingest_body_seconds)
            ),
            event_limits=Limits(settings.ingest_batch_events, settings.ingest_event_bytes),
            append_deadline=Deadline(settings.ingest_append_seconds),
            clock=clock,
        )
    )
    return IngestionService(app, limits, outcomes)


def _events_a_minute(settings: IngestionSettings, access: AccessCheck | None) -> int:
    if settings.ingest_events_a_minute is not None:
        return settings.ingest_events_a_minute
    return _DOCUMENTED if access is not None else 0
