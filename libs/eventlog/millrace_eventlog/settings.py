"""Settings of the log."""

from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field, SecretStr

from millrace_service.settings import Settings


class LogSettings(Settings):
    """Where accepted events are stored until the warehouse has them, and for how long after that."""

    log_url: str | None = Field(
        None,
        description="`sqlite:///<file>`, or `kafka://<host>:<port>,<host>:<port>/<topic>`. Without it the log is `log.db` "
        "in the data folder.",
        examples=["sqlite:///data/log.db", "kafka://localhost:9092/events"],
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
    kafka_partitions: int = Field(6, ge=1, le=10_000, description="Partitions of the topic that `millrace migrate` makes.")
    kafka_replication: int = Field(
        1, ge=1, le=9, description="Copies of each partition that `millrace migrate` asks for: 3 wherever a broker may be lost."
    )
    kafka_retention_hours: int = Field(72, ge=1, description="How long the topic keeps events, read or not.")
    kafka_dead_letter_hours: int = Field(24 * 30, ge=1, description="How long the topic of dead letters keeps them.")
    kafka_group: str = Field("millrace", min_length=1, description="The consumer group.")
    kafka_instance: str | None = Field(
        None,
        min_length=1,
        description="Name of this consumer in the group, another for each: a static member keeps its partitions while it "
        "restarts.",
    )
    kafka_session_seconds: float = Field(
        10.0, ge=1, le=300, description="After this time without a sign of life a consumer's partitions go to others."
    )
    kafka_max_poll_seconds: float = Field(
        300.0,
        ge=5,
        le=3600,
        description="A consumer whose event loop is held up for this long leaves the group, although it says that it lives.",
    )
    kafka_stalled_seconds: float = Field(
        5.0, gt=0, description="Events are refused with 503 while Kafka has not acknowledged for this long."
    )
    kafka_hot_key_rate: int = Field(
        0, ge=0, description="Events of one visitor a second above which they spread over partitions; 0 never spreads them."
    )
    spill: Literal["off", "on"] = Field(
        "off",
        description="`on`: while Kafka does not acknowledge, events are kept in `spill.db` in the data folder, answered 200 "
        "with `durable: local`, and handed on when Kafka is back. Only where the data folder outlives the process.",
    )
    spill_bytes: ByteSize = Field(
        ByteSize(2**30), ge=2**20, description="Events are refused with 503 while this much waits in the spill."
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to."
    )
    kafka_ca_file: Path | None = Field(None, description="Certificates of the authorities that sign the brokers' (PEM).")
    kafka_cert_file: Path | None = Field(None, description="Our certificate, where the brokers ask for one (PEM).")
    kafka_key_file: Path | None = Field(None, description="Its key, where it is not in the same file (PEM).")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How we say who we are, with `SASL_PLAINTEXT` and `SASL_SSL`."
    )
    kafka_username: str | None = Field(None, description="Who we are.")
    kafka_password: SecretStr | None = Field(None, description="And how we prove it.")
