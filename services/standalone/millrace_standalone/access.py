"""Opens what judges credentials, and what gives them to people."""

import contextlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from millrace_analytics.web.look import Look
from millrace_analytics.wiring import Accounts, build_accounts
from millrace_core.errors import RecordsUnavailable
from millrace_records.access.checking import AccessCheck
from millrace_records.cache.ports import CachePorts
from millrace_records.ports import Records
from millrace_standalone.process import beside
from millrace_standalone.settings import AnalyticsProcessSettings, StandaloneSettings

NO_ACCOUNTS: Final = Accounts((), None, None)


async def open_access(stack: AsyncExitStack, records: Records, cache: CachePorts) -> AccessCheck:
    """Who credentials belong to, kept fresh until the end. Without the records nobody is known until they answer."""
    access = AccessCheck(records.access.state, cache.messages)
    with contextlib.suppress(RecordsUnavailable):
        await access.refresh()
    await stack.enter_async_context(beside(access.follow()))
    return access


async def open_accounts(
    stack: AsyncExitStack,
    settings: StandaloneSettings | AnalyticsProcessSettings,
    records: Records,
    access: AccessCheck,
    cache: CachePorts,
    look: Look,
) -> Accounts:
    """Logins, where they are asked for, and their forms in the page's look; mail that is under way arrives before the end."""
    if not settings.requires_keys:
        return NO_ACCOUNTS
    accounts = await build_accounts(settings, records.access, access, cache.limits, settings.public_url, look)
    if accounts.mail is not None:
        stack.push_async_callback(accounts.mail.close)
    return accounts


def notice_of(accounts: Accounts) -> Callable[[str], str] | None:
    """What to tell whoever started the server, given its URL, while nobody has an account."""
    link = accounts.first_owner
    if link is None:
        return None
    return lambda url: (
        "  Nobody has an account yet. Whoever opens this link within a day becomes the owner of everything; it works once:\n"
        f"  {url if link.startswith('/') else ''}{link}\n"
    )
