"""Settings of the records and of what processes share for a while."""

from typing import Self

from pydantic import ByteSize, Field, model_validator

from millrace_service.settings import PREFIX, Settings, names_host, split_url


class RecordsSettings(Settings):
    """Where tenants, decisions and saved state are kept."""

    records_url: str | None = Field(
        None,
        description="`sqlite:///<file>`, or `postgresql://<user>:<password>@<host>:5432/<database>` (`?ssl=require` over TLS, "
        "`?ssl=verify-full` with the host's name checked). Without it the records are `records.db` in the data folder.",
        examples=["sqlite:///data/records.db", "postgresql://millrace:secret@localhost:5432/millrace"],
        repr=False,
    )

    @model_validator(mode="after")
    def _records_url_is_known(self) -> Self:
        url = split_url(self.records_url)
        is_file = url.scheme == "sqlite" and not url.netloc and len(url.path) > 1
        if self.records_url is not None and not is_file and not self.records_are_served:
            raise ValueError(
                f"{PREFIX}RECORDS_URL={url._replace(netloc=url.netloc.rpartition('@')[2]).geturl()}: allowed is "
                "sqlite:///<file> or postgresql://<user>:<password>@<host>:<port>/<database>"
            )
        return self

    @property
    def records_are_served(self) -> bool:
        """Whether they are another process's."""
        url = split_url(self.records_url)
        return url.scheme == "postgresql" and names_host(url) and len(url.path) > 1


class CacheSettings(Settings):
    """Where processes share answers, limits and locks for a while."""

    cache_url: str = Field(
        "memory://",
        description="`memory://`: each process has its own. `redis://<user>:<password>@<host>:6379/<number>` (`rediss://` over "
        "TLS): shared. While Redis does not answer each process has its own.",
        examples=["redis://localhost:6379/0"],
        repr=False,
    )
    answers_hours: float = Field(
        24.0,
        ge=0,
        le=24 * 30,
        description="How long an answer to a POST that is no tracking request is kept, to be repeated for the same "
        "`Idempotency-Key`; 0 keeps none.",
    )
    cache_memory_bytes: ByteSize = Field(
        ByteSize(32 * 2**20), ge=2**16, description="How much of it a process keeps in its own memory."
    )
    cache_deadline_seconds: float = Field(
        0.05,
        gt=0,
        le=2.0,
        description="How long Redis may take to answer. The first call that it keeps waiting longer makes each process use its "
        "own until Redis answers again.",
    )

    @model_validator(mode="after")
    def _cache_url_is_known(self) -> Self:
        url = split_url(self.cache_url)
        if self.cache_url != "memory://" and not (url.scheme in ("redis", "rediss") and names_host(url)):
            raise ValueError(
                f"{PREFIX}CACHE_URL={url._replace(netloc=url.netloc.rpartition('@')[2]).geturl()}: allowed is memory:// or "
                "redis://<user>:<password>@<host>:<port>/<number>"
            )
        return self
