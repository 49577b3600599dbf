"""Settings of the records."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from millrace_service.settings import PREFIX, Settings


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
        url = urlsplit(self.records_url or "")
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
        url = urlsplit(self.records_url or "")
        return url.scheme == "postgresql" and bool(url.hostname) and len(url.path) > 1
