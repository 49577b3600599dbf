"""Links that work once: to make the first owner, and to set a password."""

from typing import Final

from millrace_core.access import digest_of, new_secret
from millrace_core.time import now_ms
from millrace_records.access.ports import AccessPorts, Ticket, Tickets, User

_FIRST_OWNER_MS: Final = 24 * 3_600_000
_PASSWORD_MS: Final = 3_600_000 * 24
_PREFIX: Final = "mrt_"


async def password_link(tickets: Tickets, user: User, actor: str, public_url: str) -> str:
    """A link by which the user sets a password within a day. It begins with ``/`` where the public URL is not known.

    Raises:
        RecordsUnavailable: try again later.
    """
    secret = new_secret(_PREFIX)
    await tickets.issue(Ticket(digest_of(secret), "password", user.id, now_ms() + _PASSWORD_MS), actor)
    return f"{public_url.rstrip('/')}/setup?token={secret}"


async def first_owner_link(access: AccessPorts, public_url: str) -> str | None:
    """A link by which whoever has it becomes the first owner within a day; None once there is a user.

    Raises:
        RecordsUnavailable: try again later.
    """
    if await access.users.users():
        return None
    secret = new_secret(_PREFIX)
    await access.tickets.issue(Ticket(digest_of(secret), "first_owner", "", now_ms() + _FIRST_OWNER_MS), "server")
    return f"{public_url.rstrip('/')}/setup?purpose=first_owner&token={secret}"
