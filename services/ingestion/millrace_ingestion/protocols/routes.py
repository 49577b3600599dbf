"""Every path that ingestion answers, in one table. The gateway, the ingress and the all-in-one process are held against it.

Paths are given without a slash at their end and answered with one, too: a redirect would lose what a beacon brings.
``{name}`` stands for one segment of a path. Paths that are several protocols' own: ``millrace_ingestion.protocols.shared``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from millrace_ingestion.protocols.amplitude import AMPLITUDE
from millrace_ingestion.protocols.cloudevents import CLOUDEVENTS
from millrace_ingestion.protocols.ga4 import GA4
from millrace_ingestion.protocols.mixpanel import MIXPANEL
from millrace_ingestion.protocols.plausible import PLAUSIBLE
from millrace_ingestion.protocols.posthog import POSTHOG
from millrace_ingestion.protocols.posthog_v1 import POSTHOG_V1
from millrace_ingestion.protocols.rudderstack import RUDDERSTACK
from millrace_ingestion.protocols.segment import SEGMENT, TYPES
from millrace_ingestion.protocols.umami import UMAMI
from millrace_ingestion.protocols.wire import WireProtocol

SINGLE: Final = "/track"
BATCH: Final = "/track/batch"
NATIVE: Final = frozenset({SINGLE, f"{SINGLE}/", BATCH, f"{BATCH}/"})
"""The native routes, which pass nothing of the other protocols' on their way."""


@dataclass(frozen=True, slots=True)
class Route:
    """A path of a protocol."""

    path: str
    protocol: WireProtocol
    operation: str
    methods: tuple[str, ...] = ("POST",)

    @property
    def methods_text(self) -> bytes:
        """As the headers ``Allow`` and ``Access-Control-Allow-Methods`` have it."""
        return ", ".join((*self.methods, "OPTIONS")).encode()


_READ: Final = ("GET",)

_SEGMENT: Final = (
    Route("/v1/batch", SEGMENT, "batch"),
    Route("/v1/import", SEGMENT, "batch"),
    Route("/v1/b", SEGMENT, "batch"),
    *(Route(f"/v1/{call}", SEGMENT, call) for call in TYPES),
    *(Route(f"/v1/{call[0]}", SEGMENT, call) for call in TYPES),
    Route("/v1/m", SEGMENT, "metrics"),
    Route("/v1/projects/{key}/settings", SEGMENT, "settings", _READ),
    Route("/projects/{key}/settings", SEGMENT, "settings", _READ),
    Route("/v1/projects/projects/{key}/settings", SEGMENT, "settings", _READ),
)

_BOTH: Final = ("GET", "POST")
_POSTHOG: Final = (
    *(Route(path, POSTHOG, "capture", _BOTH) for path in ("/e", "/i/v0/e", "/capture", "/batch", "/i/v0/ai/batch")),
    Route("/engage", POSTHOG, "engage", _BOTH),
    Route("/i/v1/analytics/events", POSTHOG_V1, "events"),
    Route("/array/{token}/config", POSTHOG, "config", _READ),
    Route("/array/{token}/config.js", POSTHOG, "script", _READ),
    Route("/flags", POSTHOG, "flags", _BOTH),
    Route("/decide", POSTHOG, "flags", _BOTH),
    Route("/flags/definitions", POSTHOG, "definitions", _READ),
    Route("/api/feature_flag/local_evaluation", POSTHOG, "definitions", _READ),
    Route("/s", POSTHOG, "recordings", _BOTH),
)

_RUDDERSTACK: Final = (
    Route("/v1/merge", RUDDERSTACK, "merge"),
    Route("/beacon/v1/batch", RUDDERSTACK, "beacon"),
    Route("/pixel/v1/track", RUDDERSTACK, "pixel_track", _READ),
    Route("/pixel/v1/page", RUDDERSTACK, "pixel_page", _READ),
    Route("/sourceConfig", RUDDERSTACK, "source_config", _READ),
    Route("/rsaMetrics", RUDDERSTACK, "metrics"),
)
_WEB: Final = (
    Route("/api/event", PLAUSIBLE, "event"),
    Route("/api/send", UMAMI, "send"),
    Route("/api/batch", UMAMI, "batch"),
)
_OTHERS: Final = (
    Route("/cloudevents", CLOUDEVENTS, "events"),
    Route("/mp/collect", GA4, "collect"),
    Route("/debug/mp/collect", GA4, "debug"),
    Route("/import", MIXPANEL, "import"),
    Route("/compat/mixpanel/track", MIXPANEL, "track", _BOTH),
    Route("/compat/mixpanel/import", MIXPANEL, "import"),
    Route("/compat/mixpanel/engage", MIXPANEL, "engage", _BOTH),
    Route("/2/httpapi", AMPLITUDE, "events"),
    Route("/compat/amplitude/2/httpapi", AMPLITUDE, "events"),
    Route("/compat/amplitude/batch", AMPLITUDE, "events"),
)

ROUTES: Final[tuple[Route, ...]] = (*_SEGMENT, *_RUDDERSTACK, *_POSTHOG, *_WEB, *_OTHERS)
"""All of them but the native two."""

_EXACT: Final[Mapping[str, Route]] = {path: route for route in ROUTES for path in (route.path, f"{route.path}/")}
_PATTERNS: Final[Sequence[tuple[tuple[str, ...], Route]]] = [
    (tuple(route.path.split("/")[1:]), route) for route in ROUTES if "{" in route.path
]
_STARTS: Final = frozenset(parts[0] for parts, _ in _PATTERNS)


def route_of(path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route of a path and what stands for its placeholders; None where ingestion has nothing at this path."""
    route = _EXACT.get(path)
    if route is not None:
        return route, ()
    given = path.split("/", 8)[1:]
    return _matching(path.rstrip("/")) if given and given[0] in _STARTS else None


@lru_cache(maxsize=1024)
def _matching(path: str) -> tuple[Route, tuple[str, ...]] | None:
    given = path.split("/")[1:]
    for parts, route in _PATTERNS:
        if len(parts) == len(given) and all(
            part == one or (part[0] == "{" and one) for part, one in zip(parts, given, strict=True)
        ):
            return route, tuple(one for part, one in zip(parts, given, strict=True) if part[0] == "{")
    return None


def is_ingestion(path: str) -> bool:
    """Whether ingestion answers this path."""
    return path in NATIVE or route_of(path) is not None


def gateway_patterns() -> list[str]:
    """The paths as a gateway lists them: exact ones, with and without a slash, and ``*`` for what a placeholder stands for."""
    paths = sorted({SINGLE, BATCH, *(route.path for route in ROUTES)})
    plain = [each for path in paths if "{" not in path for each in (path, f"{path}/")]
    return plain + sorted({path[: path.index("{")] + "*" for path in paths if "{" in path})


def ingress_prefixes() -> list[str]:
    """The shortest beginnings, in whole segments, that cover the paths: as an Ingress of Kubernetes lists them."""
    whole = sorted({path.partition("/{")[0] for path in (SINGLE, BATCH, *(route.path for route in ROUTES))})
    return [path for path in whole if not any(path.startswith(f"{other}/") for other in whole)]
