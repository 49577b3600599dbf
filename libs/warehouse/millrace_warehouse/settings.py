"""Settings of the warehouse."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from millrace_service.settings import Settings


class WarehouseSettings(Settings):
    """Where the warehouse is, and how long it keeps events."""

    warehouse_url: str | None = Field(
        None,
        description="`chdb:///<folder>`: the engine in this process. Without it the folder is `warehouse` in the data folder.",
        examples=["chdb:///var/lib/millrace/warehouse"],
    )
    warehouse_events_ttl_days: int = Field(
        0, ge=0, le=36_500, description="Events are deleted this many days after their timestamp; 0 keeps them. Rollups stay."
    )

    @model_validator(mode="after")
    def _url_is_known(self) -> Self:
        if self.warehouse_url is not None:
            url = urlsplit(self.warehouse_url)
            if url.scheme != "chdb" or url.netloc or len(url.path) < 2:
                raise ValueError(f"MILLRACE_WAREHOUSE_URL={self.warehouse_url}: allowed is chdb:///<absolute folder>")
        return self

    def warehouse_folder(self, data_dir: Path) -> Path:
        """The folder of the engine in this process."""
        if self.warehouse_url is None:
            return data_dir.resolve() / "warehouse"
        return Path(urlsplit(self.warehouse_url).path)
