"""Client of Millrace: tracks events in the background, asks questions, follows live streams."""

from millrace_client.asynchronous import AsyncMillrace
from millrace_client.client import Millrace
from millrace_client.errors import Failure, MillraceError, Stats
from millrace_client.live import AsyncLiveStream, LiveStream
from millrace_client.options import Options
from millrace_client.questions import PlainAnswer, Rows

__all__ = [
    "AsyncLiveStream",
    "AsyncMillrace",
    "Failure",
    "LiveStream",
    "Millrace",
    "MillraceError",
    "Options",
    "PlainAnswer",
    "Rows",
    "Stats",
]
