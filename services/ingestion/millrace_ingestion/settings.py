"""Settings of ingestion."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import ByteSize, Field

from millrace_core.privacy import Signals
from millrace_service.settings import Listed, Settings


class IngestionSettings(Settings):
    """What a tracking request may hold, how long it may take, and whom to believe about the sender."""

    trusted_proxies: Listed[IPv4Network | IPv6Network] = Field(
        [],
        description="Networks of the proxies in front (`10.0.0.0/8, fd00::/8`). Only they are believed about the client's "
        "address (`X-Forwarded-For`) and country.",
    )
    ingest_country_header: str = Field(
        "cf-ipcountry", description="Header in which a trusted proxy puts the client's country (ISO 3166-1, two letters)."
    )
    ingest_body_bytes: ByteSize = Field(ByteSize(5 * 2**20), ge=1024, description="Largest body on the wire.")
    ingest_inflated_bytes: ByteSize = Field(ByteSize(20 * 2**20), ge=1024, description="Largest body once it is inflated.")
    ingest_event_bytes: ByteSize = Field(ByteSize(256 * 2**10), ge=1024, description="Largest event, as JSON text.")
    ingest_batch_events: int = Field(10_000, ge=1, le=50_000, description="Most events in a batch.")
    ingest_body_seconds: float = Field(10.0, gt=0, description="How long a client may take to send its body.")
    ingest_append_seconds: float = Field(
        10.0, gt=0, description="How long the log may take to store a request's events before the client is told to retry."
    )
    ingest_inflight_bytes: ByteSize = Field(
        ByteSize(256 * 2**20),
        ge=2**20,
        description="Bytes of all bodies that are being worked on; beyond it requests are answered 503.",
    )
    ingest_ahead_days: float = Field(1.0, gt=0, le=366, description="How far ahead of the clock an event's time may lie.")
    ingest_past_days: float = Field(
        1826.0, gt=0, le=3660, description="How far in the past an event's time may lie. The default is five years."
    )
    ingest_idempotency_hours: float = Field(
        24.0,
        ge=0,
        le=24 * 30,
        description="How long an answer is kept, to be repeated for the same `Idempotency-Key`; 0 keeps none.",
    )
    ingest_privacy_signals: Signals = Field(
        "anonymous",
        description="What becomes of events of browsers that send `Sec-GPC: 1` or `DNT: 1`, of tenants that say nothing else "
        "(`millrace tenant set --signals`). `anonymous` stores what happened without ids, address and what names a person; "
        "`drop` stores nothing, and the client hears of a success all the same; `ignore` stores them as all others.",
    )
    ingest_events_a_minute: int | None = Field(
        None,
        ge=0,
        description="How many events a tenant may send a minute if its settings (`millrace tenant`) say nothing else; 0 is no "
        "limit. Without it 10,000 where `MILLRACE_AUTH=required`, else no limit. Keys with the scope `admin` are not metered.",
    )
    ingest_scripts_dir: Path | None = Field(
        None,
        description="Folder whose scripts (`.js`, `.mjs`) are served under their names, `stats.js` at `/stats.js`: that of "
        "Umami or Plausible, say, which you may rename. It is read at the start.",
    )
