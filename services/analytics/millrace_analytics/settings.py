"""Settings of analytics."""

from pydantic import Field

from millrace_service.settings import Settings


class AnalyticsSettings(Settings):
    """Live streams and the dashboard."""

    stream_clients: int = Field(5_000, ge=1, description="Live streams at once in this process; more are answered 503.")
    stream_clients_per_tenant: int = Field(2_500, ge=1, description="Live streams at once of one tenant.")
    stream_flush_seconds: float = Field(
        0.1, gt=0, le=10, description="Shortest time between two messages of a live stream. The first event goes out at once."
    )
    stream_message_events: int = Field(500, ge=1, description="Most events in one message; the rest is told as a number.")
    stream_queue_messages: int = Field(
        50, ge=1, description="Messages that wait for a client that reads slowly, before events are skipped for it."
    )
    stream_heartbeat_seconds: float = Field(15.0, gt=0, description="How often a silent stream sends a comment.")
    dashboard_cache_seconds: float = Field(
        1.0, ge=0, le=60, description="How long an answer of the live dashboard serves everyone who asks for it."
    )
