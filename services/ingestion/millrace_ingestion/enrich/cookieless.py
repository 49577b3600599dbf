"""Ids of visitors whose tracker keeps nothing in the browser: a hash of address, user agent and site, whose salt lasts a day.

The salt is random, shared by all processes, and forgotten a day after its own: from then on nobody can try addresses against an
id, and no id of one day can be tied to another's. Where the cache is this process's own, a restart begins a new salt, and
visitors of that day count once more.
"""

import hashlib
import os
from datetime import UTC, datetime
from typing import Final

from millrace_records.cache.ports import Cache

_SECONDS: Final = 48 * 3600.0
_BYTES: Final = 16


class Salts:
    """The salt of each day (UTC)."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: tuple[str, bytes] = ("", b"")

    async def of(self, now_ms: int) -> bytes:
        """The salt of this moment's day."""
        day = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
        if self._known[0] == day:
            return self._known[1]
        key = f"salt:{day}"
        salt = await self._cache.get(key)
        if salt is None:
            await self._cache.put(key, os.urandom(_BYTES), _SECONDS)
            # Of two processes that put one at once the later holds; both read it here.
            salt = await self._cache.get(key) or os.urandom(_BYTES)
        self._known = (day, salt)
        return salt


def visitor_of(salt: bytes, site: str, address: str, user_agent: str) -> str:
    """The id, 32 hexadecimal digits."""
    text = f"{site}\0{address}\0{user_agent}"
    return hashlib.blake2b(text.encode(), key=salt, digest_size=16).hexdigest()
