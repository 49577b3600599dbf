"""Keys that the records hold: what ingestion asks where ``MILLRACE_AUTH=required``."""

from functools import lru_cache

from millrace_core.errors import Forbidden
from millrace_ingestion.keys import Grant
from millrace_records.access.checking import AccessCheck


class KeptKeys:
    """WriteKeys: write keys, and secret keys with the scope ``ingest``. Answers from memory; what that costs is in
    tests/bench/access_cost.py."""

    def __init__(self, access: AccessCheck) -> None:
        self._access = access

    async def grant(self, presented: str, origin: str) -> Grant:
        """See WriteKeys. A key of all tenants grants ``ALL_TENANTS``: its events say whose they are."""
        known = self._access.key(presented)
        key = known.key
        if key.origins and origin not in key.origins:
            raise Forbidden("This key may not be used by pages of this origin.", code="origin_not_allowed")
        if "ingest" not in known.caller.rights[key.tenant]:
            raise Forbidden("This key may not send events.", code="missing_scope")
        return _granted(key.tenant, key.id)


_granted = lru_cache(maxsize=4096)(Grant)
