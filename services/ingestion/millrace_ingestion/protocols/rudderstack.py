"""RudderStack's data plane where it differs from Segment's API (whose paths its SDKs use for nearly everything, `/v1/batch`
above all): the source configuration that its browser SDK reads, beacons, pixels, `merge`.

A pixel's answer is a GIF whatever happens.
"""

import base64
from typing import Any, Final

from millrace_core.errors import MillraceError
from millrace_ingestion.protocols import segment
from millrace_ingestion.protocols.native import Batch
from millrace_ingestion.protocols.reading import Refused
from millrace_ingestion.protocols.wire import Decoded, Reply, WireRequest, encode
from millrace_ingestion.verdicts import Verdicts

_GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_PIXELS: Final = {"pixel_track": "track", "pixel_page": "page"}
_FIELDS: Final = frozenset(
    {"writeKey", "userId", "anonymousId", "event", "name", "messageId", "originalTimestamp", "timestamp"}
)


class RudderStack(segment.Segment):
    """The protocol. Operations: ``beacon``, ``merge``, ``pixel_track``, ``pixel_page``, ``source_config``, ``metrics``."""

    name = "rudderstack"

    def stub(self, request: WireRequest) -> Reply | None:
        """The source configuration; the SDK's own metrics are taken and not kept."""
        if request.operation == "source_config":
            return Reply(200, encode(_source_config(request.query.get("writeKey", "") or request.basic_user())))
        return super().stub(request)

    def read(self, request: WireRequest) -> Decoded:
        """A batch whose key is in the query, or the one event of a pixel's query or a body."""
        if request.operation == "beacon":
            decoded = segment.read_batch(request)
            decoded.keys = [request.query.get("writeKey", "") or decoded.keys[0]]
            return decoded
        if request.operation in _PIXELS:
            return _read_pixel(request, _PIXELS[request.operation])
        return segment.read_single(request, request.operation)

    def accepted(self, request: WireRequest, decoded: Decoded, verdicts: Verdicts) -> Reply:
        """A pixel for a pixel, else as Segment's."""
        return _pixel() if request.operation in _PIXELS else super().accepted(request, decoded, verdicts)

    def failed(self, request: WireRequest, error: MillraceError, wait: int) -> Reply:
        """A pixel for a pixel: an image cannot try again, so it may as well be whole."""
        return _pixel() if request.operation in _PIXELS else super().failed(request, error, wait)


RUDDERSTACK: Final = RudderStack()


def _pixel() -> Reply:
    return Reply(200, _GIF, b"image/gif", [(b"cache-control", b"no-store")])


def _read_pixel(request: WireRequest, call: str) -> Decoded:
    """An event whose fields are parameters, those of its objects with a dot: ``properties.price=5``."""
    fields: dict[str, Any] = {name: value for name, value in request.query.items() if name in _FIELDS}
    for part in ("properties", "context"):
        said = {name[len(part) + 1 :]: value for name, value in request.query.items() if name.startswith(f"{part}.")}
        if said:
            fields[part] = said
    item = segment.read_item(encode(fields), request.limits)
    event = item if isinstance(item, Refused) else segment.event_of(item, call, {})
    return Decoded(Batch([event]), [request.query.get("writeKey", "")], "message_id")


def _source_config(key: str) -> dict[str, Any]:
    """What makes ``@rudderstack/analytics-js`` start, and report to nobody else."""
    statistics = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    source = {
        "id": key,
        "name": key,
        "writeKey": key,
        "enabled": True,
        "workspaceId": "millrace",
        "config": {"statsCollection": statistics},
        "destinations": [],
        "dataplanes": {},
    }
    return {"source": source}
