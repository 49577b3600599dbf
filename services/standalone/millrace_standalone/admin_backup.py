"""``/admin/v1/backup``: what ``millrace backup`` asks. With the token of ``server.json`` only: it writes where it is told to,
on the server's own disk."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from millrace_core.access import SERVER
from millrace_core.errors import Forbidden, InvalidInput
from millrace_standalone.admin_access import Operator
from millrace_standalone.backup import Backups


class Wanted(BaseModel):
    """Where to."""

    folder: Path


def add_backup(router: APIRouter, backups: Backups) -> None:
    """The route; prefix and check of the token are the router's."""

    @router.post("/backup")
    async def make(wanted: Wanted, caller: Operator) -> dict[str, Any]:
        if caller is not SERVER:
            raise Forbidden("Backups are made on the server's own machine, by its own user.", code="missing_scope")
        if not wanted.folder.is_absolute():
            raise InvalidInput("The folder has to be named from the root on.", code="folder_refused")
        manifest, waited = await backups.make(wanted.folder)
        waited = round(waited, 3)
        return {"files": len(manifest.files), "bytes": manifest.bytes, "rows": manifest.rows, "inserts_waited_seconds": waited}
