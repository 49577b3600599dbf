"""Passwords as Argon2id hashes (RFC 9106), made and compared in threads: each takes 64 MiB and a twentieth of a second."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from millrace_core.errors import InvalidInput

SHORTEST: Final = 10
LONGEST: Final = 1024
_AT_ONCE: Final = 2


class Passwords:
    """Makes and compares hashes, two at a time, so that logins take neither all memory nor all processors."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of a password that may be one.

        Raises:
            InvalidInput: ``weak_password``.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise InvalidInput(f"A password has {SHORTEST} characters at least.", code="weak_password")
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, known: str | None, password: str) -> bool:
        """Whether it is the password. Takes as long where there is no such user, so that nobody finds out who is one."""
        if len(password) > LONGEST:
            return False
        if known is None:
            if self._nobodys is None:
                self._nobodys = await self.hash("of nobody at all")
            known = self._nobodys
            await self._verify(known, password)
            return False
        return await self._verify(known, password)

    async def _verify(self, known: str, password: str) -> bool:
        async with self._turns:
            try:
                return await asyncio.to_thread(self._hasher.verify, known, password)
            except (VerificationError, InvalidHashError):
                return False
