"""Settings of the consumer."""

from pydantic import ByteSize, Field

from millrace_service.settings import Settings


class ConsumerSettings(Settings):
    """How the consumer gathers batches and when it stops trusting what it wrote down."""

    consumer_batch_rows: int = Field(50_000, ge=1, le=500_000, description="A batch leaves when it has this many rows.")
    consumer_batch_bytes: ByteSize = Field(
        ByteSize(16 * 2**20), ge=1, description="A batch leaves when it has this many bytes."
    )
    consumer_large_batches: int = Field(
        5,
        ge=1,
        description="How many batches of more than 1 MiB are in memory at once, over all partitions of a consumer. Each takes "
        "about three times its bytes.",
    )
    consumer_flush_seconds: float = Field(
        0.25, gt=0, le=60, description="A batch leaves when its oldest event has waited this long."
    )
    consumer_backoff_seconds: float = Field(
        30.0, gt=0, description="Longest pause between two attempts while the log or the warehouse is in trouble."
    )
    consumer_intent_trust_seconds: float = Field(
        1800.0,
        ge=0,
        description="A pending batch older than this is compared with the warehouse row by row instead of relying on its "
        "deduplication token.",
    )
    consumer_recent_ids_bytes: ByteSize = Field(
        ByteSize(128 * 2**20),
        ge=2**20,
        description="Memory for recognising recent event ids; beyond it more ids are looked up in the warehouse.",
    )
    consumer_dead_letter_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of refused rows among the last 1,000 above which the consumer pauses instead of setting aside.",
    )
    consumer_dead_letter_run: int = Field(
        100, ge=1, description="Number of rows refused in a row at which the consumer pauses instead of setting them aside."
    )
    consumer_stuck_seconds: float = Field(
        120.0,
        ge=1,
        description="A consumer ends, to be started again, when one of its partitions has stood still for this long although "
        "the log answers and has more.",
    )
    consumer_audit_seconds: float = Field(
        3600.0, gt=0, description="How often the rollups are compared with the events and duplicates are counted."
    )
