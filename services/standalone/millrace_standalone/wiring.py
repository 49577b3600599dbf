"""The composition roots: each opens its ports once and makes its services of them."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, FastAPI

from millrace_analytics import wiring as analytics
from millrace_analytics.ai.wiring import open_model
from millrace_analytics.web.serving import Page
from millrace_consumer import wiring as consumer
from millrace_consumer.partition import ignore_step
from millrace_core.time import now_ms
from millrace_eventlog.ports import LogPorts
from millrace_eventlog.tracing import TracedWriter
from millrace_eventlog.wiring import open_log
from millrace_ingestion import wiring as ingestion
from millrace_ingestion.openapi import paths as tracking_paths
from millrace_ingestion.own_scripts import own_scripts
from millrace_ingestion.protocols.routes import is_ingestion, route_of
from millrace_ingestion.scripts import scripts_router
from millrace_records.access.checking import AccessCheck
from millrace_records.cache.ports import CachePorts
from millrace_records.cache.wiring import open_cache
from millrace_records.ports import Records
from millrace_records.settings import CacheSettings
from millrace_records.wiring import open_records
from millrace_service.health import Degraded, Health
from millrace_service.machine import tell_machine
from millrace_service.metrics import Metrics
from millrace_service.settings import ServerSettings, is_loopback
from millrace_service.tracing import Tracer, open_tracer
from millrace_standalone.access import NO_ACCOUNTS, notice_of, open_access, open_accounts
from millrace_standalone.admin import Status, admin_router
from millrace_standalone.admin_access import ServerToken
from millrace_standalone.backup import Backups
from millrace_standalone.demo.pages import shop_router
from millrace_standalone.process import Process, beside, consuming, version
from millrace_standalone.settings import (
    AnalyticsProcessSettings,
    ConsumerProcessSettings,
    IngestionProcessSettings,
    StandaloneSettings,
)
from millrace_standalone.status import status_of
from millrace_warehouse.ports import StoringPorts
from millrace_warehouse.wiring import open_storing, open_warehouse
from millrace_web.access import Credentials
from millrace_web.app import Repeating, create_app
from millrace_web.health import health_router
from millrace_web.requests import AsgiApp, Message, Receive, Send
from millrace_web.tracing import TracedApp

_Serving = StandaloneSettings | IngestionProcessSettings | ConsumerProcessSettings | AnalyticsProcessSettings


@asynccontextmanager
async def open_platform(
    settings: StandaloneSettings, *, clock: Callable[[], int] = now_ms, on_step: Callable[[str], None] = ignore_step
) -> AsyncIterator[Process]:
    """All three services: open the ports, build the services, start the consumer; at the end store what was read and close in
    reverse.

    Args:
        clock: milliseconds since the epoch.
        on_step: called with the name of each step of the log and the consumer; fault tests end the process there.

    Raises:
        StartRefused: a port cannot be opened.
    """
    metrics, health = _metrics(settings), Health()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        tracer = await enter(open_tracer(settings, "standalone", version()))
        log = await enter(open_log(settings, settings.data_dir, metrics, clock=clock, on_step=on_step, accepts=True))
        log = _traced_log(log, tracer)
        _tell_spilling(log, health)
        records = await enter(open_records(settings, settings.data_dir))
        warehouse = await enter(open_warehouse(settings, settings, settings.data_dir, metrics))
        cache = await _open_cache(stack, settings, metrics, health)
        service = consumer.build(
            settings, log, warehouse, records, cache, metrics, health, clock=clock, on_step=on_step, tracer=tracer
        )
        access = await open_access(stack, records, cache)
        checked = access if settings.requires_keys else None
        tracking = await _tracking(settings, log, cache, metrics, health, checked, records, clock)
        model = await enter(open_model(settings, records, metrics))
        answering = analytics.build(settings, warehouse, log, cache, metrics, health, checked, records, model=model)
        await enter(beside(tracking.limits.follow(records, cache.messages), *answering.work))
        credentials = ServerToken(lambda: process.admin_token, access)
        status = status_of(log, warehouse.admin, records, service.consumer, health, metrics)
        page = Page()
        accounts = await open_accounts(stack, settings, records, access, cache, page.look)
        identity = health_router(analytics.SERVICE, health, metrics, status, ai_enabled=model.is_enabled, page=page.for_browser)
        admin = _admin(
            settings, credentials, status, log, warehouse, records, cache=cache, metrics=metrics, service=service, access=access
        )
        routers = [identity, page.router(), *answering.routers, *accounts.routers, admin]
        app = _with_tracking(tracking.app, settings, metrics, routers, credentials, cache, page.public_paths)
        process = Process(health, settings.shutdown_seconds, _traced(app, tracer), answering.close, notice=notice_of(accounts))
        await enter(consuming(service, process))
        await enter(tracking.outcomes.telling())  # its last word is stored, too
        yield process


@asynccontextmanager
async def open_ingestion(settings: IngestionProcessSettings) -> AsyncIterator[Process]:
    """Ingestion alone.

    Raises:
        StartRefused: the log cannot be opened.
    """
    metrics, health = _metrics(settings), Health()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(open_tracer(settings, "ingestion", version()))
        log = await stack.enter_async_context(open_log(settings, settings.data_dir, metrics, accepts=True, uses={"write"}))
        log = _traced_log(log, tracer)
        _tell_spilling(log, health)
        cache = await _open_cache(stack, settings, metrics, health)
        checked: AccessCheck | None = None
        records: Records | None = None
        credentials: AccessCheck | None = None
        if settings.records_are_served:  # a file would be of this process alone, and nobody would write it
            records = await stack.enter_async_context(open_records(settings, settings.data_dir))
            credentials = await open_access(stack, records, cache)
            checked = credentials if settings.requires_keys else None
        tracking = await _tracking(settings, log, cache, metrics, health, checked, records)
        if records is not None:
            await stack.enter_async_context(beside(tracking.limits.follow(records, cache.messages)))
        await stack.enter_async_context(tracking.outcomes.telling())
        routers = [health_router(ingestion.SERVICE, health, metrics)]
        app = _with_tracking(tracking.app, settings, metrics, routers, credentials, cache)
        yield Process(health, settings.shutdown_seconds, _traced(app, tracer))


@asynccontextmanager
async def open_consumer(settings: ConsumerProcessSettings) -> AsyncIterator[Process]:
    """The consumer alone, with what operators ask of a running server.

    Raises:
        StartRefused: a port cannot be opened.
    """
    metrics, health = _metrics(settings), Health()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(open_tracer(settings, "consumer", version()))
        log = await stack.enter_async_context(open_log(settings, settings.data_dir, metrics, uses={"write", "consume"}))
        records = await stack.enter_async_context(open_records(settings, settings.data_dir))
        warehouse = await stack.enter_async_context(open_storing(settings, settings.data_dir, metrics))
        health.add("records", records.ping)
        cache = await _open_cache(stack, settings, metrics, health)
        access = await open_access(stack, records, cache)
        credentials = ServerToken(lambda: process.admin_token, access)
        service = consumer.build(settings, log, warehouse, records, cache, metrics, health, tracer=tracer)
        status = status_of(log, warehouse.admin, records, service.consumer, health, metrics)
        routers = [
            health_router(consumer.SERVICE, health, metrics, status),
            _admin(
                settings,
                credentials,
                status,
                log,
                warehouse,
                records,
                cache=cache,
                metrics=metrics,
                service=service,
                access=access,
            ),
        ]
        app = _app(settings, metrics, routers, credentials, cache)
        process = Process(health, settings.shutdown_seconds, _traced(app, tracer))
        await stack.enter_async_context(consuming(service, process))
        yield process


@asynccontextmanager
async def open_analytics(settings: AnalyticsProcessSettings) -> AsyncIterator[Process]:
    """Analytics alone.

    Raises:
        StartRefused: a port cannot be opened, or tenants would not be kept apart.
    """
    metrics, health = _metrics(settings), Health()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(open_tracer(settings, "analytics", version()))
        log = await stack.enter_async_context(open_log(settings, settings.data_dir, metrics, uses={"follow", "look_up"}))
        warehouse = await stack.enter_async_context(open_warehouse(settings, settings, settings.data_dir, metrics))
        cache = await _open_cache(stack, settings, metrics, health)
        access, accounts, records, page = None, NO_ACCOUNTS, None, Page()
        if settings.records_are_served:  # also without keys: the days of a tenant are those of its time zone
            records = await stack.enter_async_context(open_records(settings, settings.data_dir))
        if records is not None and settings.requires_keys:
            access = await open_access(stack, records, cache)
            accounts = await open_accounts(stack, settings, records, access, cache, page.look)
        model = await stack.enter_async_context(open_model(settings, records, metrics))
        answering = analytics.build(settings, warehouse, log, cache, metrics, health, access, records, model=model)
        await stack.enter_async_context(beside(*answering.work))
        identity = health_router(analytics.SERVICE, health, metrics, ai_enabled=model.is_enabled, page=page.for_browser)
        routers = [identity, page.router(), *answering.routers, *accounts.routers]
        app = _app(settings, metrics, routers, access, cache, page.public_paths)
        yield Process(health, settings.shutdown_seconds, _traced(app, tracer), answering.close, notice=notice_of(accounts))


def _traced_log(log: LogPorts, tracer: Tracer | None) -> LogPorts:
    return log if tracer is None else replace(log, writer=TracedWriter(log.writer, tracer))


def _traced(app: AsgiApp, tracer: Tracer | None) -> AsgiApp:
    return app if tracer is None else TracedApp(app, tracer, _route_of)


def _route_of(scope: Message) -> str:
    """The template of its path; empty where there is none."""
    path = str(scope.get("path", ""))
    if found := route_of(path):
        return found[0].path
    return path.rstrip("/") if is_ingestion(path) else str(getattr(scope.get("route"), "path", ""))


def _admin(
    settings: StandaloneSettings | ConsumerProcessSettings,
    credentials: Credentials,
    status: Status,
    log: LogPorts,
    warehouse: StoringPorts,
    records: Records,
    *,
    cache: CachePorts,
    metrics: Metrics,
    service: consumer.ConsumerService,
    access: AccessCheck,
) -> APIRouter:
    """What operators ask of a process with a consumer."""
    is_whole = log.copy is not None
    backups = Backups(settings, settings.data_dir, log, warehouse.admin, version()) if is_whole else None
    return admin_router(
        credentials,
        status,
        log,
        warehouse.admin,
        records,
        cache.messages,
        metrics,
        service.privacy,
        access_changed=access.changed,
        probe=warehouse.writer.probe,
        public_url=settings.public_url,
        backups=backups,
    )


def _metrics(settings: ServerSettings) -> Metrics:
    metrics = Metrics()
    tell_machine(metrics, settings.data_dir, version())
    return metrics


async def _tracking(
    settings: StandaloneSettings | IngestionProcessSettings,
    log: LogPorts,
    cache: CachePorts,
    metrics: Metrics,
    health: Health,
    access: AccessCheck | None,
    records: Records | None,
    clock: Callable[[], int] = now_ms,
) -> ingestion.IngestionService:
    """Ingestion that knows what its tenants do not want stored before the first event comes."""
    kept_in = settings.data_dir if settings.records_are_served else None
    service = ingestion.build(settings, log.writer, cache, metrics, health, access=access, clock=clock, kept_in=kept_in)
    if records is not None:
        await service.limits.read(records)
    return service


def _tell_spilling(log: LogPorts, health: Health) -> None:
    """A check that says where events go to this machine's disk, which keeps no work away."""
    if (spilling := log.spilling) is None:
        return

    async def check() -> None:
        if spilling():
            raise Degraded("Kafka does not acknowledge: events are kept here.")

    health.add("spill", check)


async def _open_cache(stack: AsyncExitStack, settings: CacheSettings, metrics: Metrics, health: Health) -> CachePorts:
    """What is shared with other processes; its check says where nothing is at the moment, which keeps no work away."""
    cache = await stack.enter_async_context(open_cache(settings, metrics))

    async def check() -> None:
        if cache.degraded():
            raise Degraded("Redis does not answer: each process keeps its own.")

    if settings.cache_url != "memory://":
        health.add("cache", check)
    return cache


def _app(
    settings: _Serving,
    metrics: Metrics,
    routers: list[APIRouter],
    credentials: Credentials | None,
    cache: CachePorts,
    public: Collection[str] = (),
) -> FastAPI:
    hosts = settings.allowed_hosts or ([] if is_loopback(settings.host) else ["*"])
    asked = credentials if settings.requires_keys else None
    assert asked is not None or not settings.requires_keys, "nobody would be asked for a key"
    return create_app(
        "Millrace",
        version(),
        metrics,
        routers,
        origins=settings.cors_origins,
        hosts=hosts,
        credentials=asked,
        administrators=credentials,
        repeating=Repeating(cache.cache, settings.answers_hours * 3600),
        public=public,
    )


def _with_tracking(
    tracking: AsgiApp,
    settings: StandaloneSettings | IngestionProcessSettings,
    metrics: Metrics,
    routers: list[APIRouter],
    credentials: Credentials | None,
    cache: CachePorts,
    public: Collection[str] = (),
) -> AsgiApp:
    """The routers' application with the tracking routes before it, and with what browsers load from where they send to."""
    shop = [shop_router()] if settings.has_demo_shop else []
    own = own_scripts(settings.ingest_scripts_dir)
    scripts = scripts_router(own=own)
    app = _app(
        settings, metrics, [*routers, scripts, *shop], credentials, cache, public=[*public, *(f"/{name}" for name in own)]
    )
    own_document = app.openapi

    def openapi() -> dict[str, Any]:
        # Made when it is first asked for, and kept by FastAPI: a start need not wait for it.
        document = own_document()
        document["paths"] |= tracking_paths()
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents
    return _Dispatch(tracking, app)


class _Dispatch:
    """One router for both: tracking requests pass nothing that they do not need."""

    def __init__(self, tracking: AsgiApp, rest: AsgiApp) -> None:
        self._tracking = tracking
        self._rest = rest

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._tracking if is_ingestion(scope.get("path", "")) else self._rest
        await app(scope, receive, send)
