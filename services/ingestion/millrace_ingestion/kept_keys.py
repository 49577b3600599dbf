"""Keys that the records hold: what ingestion asks where ``MILLRACE_AUTH=required``."""

from millrace_core.errors import Forbidden
from millrace_ingestion.keys import Grant
from millrace_records.access.checking import AccessCheck


class KeptKeys:
    """WriteKeys: write keys, and secret keys with the scope ``ingest``. Answers from memory, about 2 µs a request."""

    def __init__(self, access: AccessCheck) -> None:
        self._access = access

    async def grant(self, presented: str, origin: str) -> Grant:
        """See WriteKeys. A key of all tenants grants ``ALL_TENANTS``: its events say whose they are."""
        known = self._access.key(presented)
        key = known.key
        if key.origins and origin not in key.origins:
            raise Forbidden("This key may not be used by pages of this origin.", code="origin_not_allowed")
        if not known.caller.may("ingest", key.tenant):
            raise Forbidden("This key may not send events.", code="missing_scope")
        return Grant(key.tenant, key.id)
