"""Settings of the log."""

from pydantic import ByteSize, Field

from millrace_service.settings import Settings


class LogSettings(Settings):
    """Where accepted events are stored until the warehouse has them, and for how long after that."""

    log_url: str | None = Field(
        None,
        description="`sqlite:///<file>`. Without it the log is `log.db` in the data folder.",
        examples=["sqlite:///data/log.db"],
    )
    log_keep_seconds: float = Field(
        600.0, ge=0, description="How long events stay in the log after the warehouse has them: live streams resume from there."
    )
    log_keep_bytes: ByteSize = Field(
        ByteSize(64 * 2**20), ge=0, description="How much of the log stays at most after the warehouse has it."
    )
    log_max_bytes: ByteSize = Field(
        ByteSize(16 * 2**30), ge=2**20, description="Events are refused with 503 while this much waits for the warehouse."
    )
    log_min_free_bytes: ByteSize = Field(
        ByteSize(256 * 2**20), ge=0, description="Events are refused with 503 while the disk has less free than this."
    )
    log_pending_bytes: ByteSize = Field(
        ByteSize(64 * 2**20),
        ge=2**20,
        description="Events are refused with 503 while this much waits to be written to the log.",
    )
