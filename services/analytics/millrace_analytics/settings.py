"""Settings of analytics."""

from typing import Self
from urllib.parse import parse_qs, urlsplit

from pydantic import ByteSize, Field, field_validator, model_validator

from millrace_analytics.ai.settings import AiSettings
from millrace_service.settings import PREFIX, Settings


class AccountSettings(Settings):
    """Logins, where `MILLRACE_AUTH=required`."""

    login_minutes: float = Field(15.0, gt=0, le=60, description="How long a token of a login is good before it is refreshed.")
    login_days: float = Field(30.0, gt=0, le=366, description="How long a login may be refreshed.")
    stream_token_seconds: int = Field(60, ge=1, le=3600, description="How long a stream may be opened with its `?token=`.")
    smtp_url: str | None = Field(
        None,
        description="Mail server for links to set a password: `smtp://<user>:<password>@<host>:587?from=<address>` (TLS where "
        "the server has it), `smtps://` (TLS from the start). Without it no mail is sent: `millrace user password` prints the "
        "link.",
        examples=["smtps://millrace:secret@mail.example.com?from=millrace@example.com"],
        repr=False,
    )

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_is_whole(cls, given: str | None) -> str | None:
        url = urlsplit(given or "")
        sender = parse_qs(url.query).get("from", [""])[0]
        if given is not None and not (url.scheme in ("smtp", "smtps") and url.hostname and "@" in sender):
            raise ValueError("allowed is smtp://<user>:<password>@<host>:<port>?from=<address>, or smtps://")
        return given


class AnalyticsSettings(AccountSettings, AiSettings):
    """Live streams and the dashboard."""

    stream_clients: int = Field(5_000, ge=1, description="Live streams at once in this process; more are answered 503.")
    stream_clients_per_tenant: int = Field(2_500, ge=1, description="Live streams at once of one tenant.")
    stream_connects_a_second: float = Field(
        200.0, gt=0, description="Live streams that are opened a second; the others wait for their turn."
    )
    stream_connect_wait_seconds: float = Field(
        10.0, ge=0, description="How long a client waits for its turn; who would wait longer is answered 503."
    )
    stream_retry_min_seconds: float = Field(
        2.0,
        ge=0.1,
        description="A client that lost its stream comes back after a random time between this and the next: after a restart "
        "they do not all come at once.",
    )
    stream_retry_max_seconds: float = Field(10.0, ge=0.1, le=3600, description="The longest such time.")
    stream_recent_bytes: ByteSize = Field(
        ByteSize(8 * 2**20),
        ge=2**16,
        description="Newest events that are kept for clients that come back; who was away longer is fed from the log.",
    )
    stream_replays: int = Field(4, ge=1, description="Clients that are fed from the log at the same time.")
    stream_send_seconds: float = Field(10.0, gt=0, description="A stream ends when its client takes nothing for this long.")
    stream_flush_seconds: float = Field(
        0.1, gt=0, le=10, description="Shortest time between two messages of a live stream. The first event goes out at once."
    )
    stream_message_events: int = Field(500, ge=1, description="Most events in one message; the rest is told as a number.")
    stream_queue_messages: int = Field(
        50, ge=1, description="Messages that wait for a client that reads slowly, before events are skipped for it."
    )
    stream_heartbeat_seconds: float = Field(15.0, gt=0, description="How often a silent stream sends a comment.")
    query_sql_a_minute: int | None = Field(
        None,
        ge=0,
        description="How many statements a tenant may ask a minute (`POST /query`); 0 is no limit. Without it 100 where "
        "`MILLRACE_AUTH=required`, else no limit.",
    )
    query_history_days: float = Field(
        30.0,
        ge=0,
        le=3660,
        description="How long it is remembered which statements were asked (`GET /query/history/{customer_id}`), at most the "
        "latest 10,000 of a tenant; 0 remembers none.",
    )
    query_questions_a_minute: int | None = Field(
        None,
        ge=0,
        description="How many questions of the metric layer a tenant may ask a minute, each of a batch counted; 0 is no limit. "
        "Without it 600 where `MILLRACE_AUTH=required`, else no limit.",
    )
    query_dashboards_a_minute: int | None = Field(
        None,
        ge=0,
        description="How many times a minute a tenant's dashboards may be listed, read or changed (`/api/v1/dashboards`; their "
        "values count as questions and statements); 0 is no limit. Without it 100 where `MILLRACE_AUTH=required`, else none.",
    )
    question_streams: int = Field(
        200, ge=1, description="Answers that are watched at once in this process; more are answered 503."
    )
    question_stream_seconds: float = Field(
        5.0, ge=0.2, le=3600, description="How often a question is asked again whose answer is watched."
    )
    answers_open_seconds: float = Field(
        1.0,
        ge=0,
        le=60,
        description="How long an answer that new events may change serves everyone who asks the same; one that took longer to "
        "find serves as long as it took, up to the next.",
    )
    answers_open_most_seconds: float = Field(
        5.0,
        ge=0,
        le=60,
        description="The longest such time; so long they all serve while four others or more are being found.",
    )
    answers_closed_seconds: float = Field(
        3600.0,
        ge=0,
        le=86_400,
        description="How long an answer over a time that is over serves. Late events, links and erasures end it at once.",
    )
    answers_stale_seconds: float = Field(
        3600.0, ge=0, le=86_400, description="How old an answer may be that is told, marked, while the warehouse is away."
    )
    dashboard_cache_seconds: float = Field(
        1.0,
        ge=0,
        le=60,
        description="How long an answer of the live dashboard serves everyone who asks for it; one that took longer to find "
        "serves as long as it took, up to `MILLRACE_ANSWERS_OPEN_MOST_SECONDS`. 0 keeps none.",
    )

    @model_validator(mode="after")
    def _retry_is_a_range(self) -> Self:
        if self.stream_retry_min_seconds > self.stream_retry_max_seconds:
            raise ValueError(
                f"{PREFIX}STREAM_RETRY_MIN_SECONDS={self.stream_retry_min_seconds} is more than "
                f"{PREFIX}STREAM_RETRY_MAX_SECONDS={self.stream_retry_max_seconds}"
            )
        return self
