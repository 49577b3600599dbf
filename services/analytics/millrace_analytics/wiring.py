"""Makes analytics of opened ports."""

from dataclasses import dataclass

from fastapi import APIRouter

from millrace_analytics.families.realtime.dashboard import Dashboards
from millrace_analytics.families.realtime.routes import realtime_router
from millrace_analytics.live.hub import Hub
from millrace_analytics.settings import AnalyticsSettings
from millrace_eventlog.ports import LogTail
from millrace_records.cache.ports import CachePorts
from millrace_service.health import Health
from millrace_service.metrics import Metrics
from millrace_warehouse.ports import Warehouse

SERVICE = "real-time-analytics-api"
"""The name that the realtime contract documents."""


@dataclass(frozen=True, slots=True)
class AnalyticsService:
    """The routes of analytics, and its live streams, which end before the process does."""

    router: APIRouter
    hub: Hub


def build(
    settings: AnalyticsSettings, warehouse: Warehouse, tail: LogTail, cache: CachePorts, metrics: Metrics, health: Health
) -> AnalyticsService:
    """Analytics on these ports; its check joins ``health``."""
    hub = Hub(tail, settings, metrics)
    dashboards = Dashboards(warehouse, cache.cache, settings.dashboard_cache_seconds)
    health.add("warehouse", warehouse.ping)
    return AnalyticsService(realtime_router(warehouse, dashboards, hub, settings.stream_heartbeat_seconds, metrics), hub)
