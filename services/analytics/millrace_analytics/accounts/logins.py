"""Logs people in and out: short tokens that prove themselves, and refresh tokens that the records know."""

import dataclasses
from dataclasses import dataclass
from typing import Final

from millrace_analytics.accounts.links import password_link
from millrace_analytics.accounts.mail import Mail
from millrace_analytics.accounts.passwords import Passwords
from millrace_analytics.settings import AccountSettings
from millrace_core.access import ALL_TENANTS, digest_of, new_id, new_secret
from millrace_core.errors import InvalidInput, NotFound, TooManyRequests, Unauthorized
from millrace_core.time import now_ms
from millrace_records.access.checking import AccessCheck
from millrace_records.access.ports import AccessPorts, Session, Ticket, User
from millrace_records.cache.ports import Limits, Rate

_REFRESH_PREFIX: Final = "mrr_"
_TRIES: Final = Rate(10, 60.0)
"""Of passwords for one email: more than anyone mistypes, and a thousand years for ten random letters."""
_MAILS: Final = Rate(3, 3600.0)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What a login gives."""

    access_token: str
    seconds: int
    refresh_token: str


class Logins:
    """Logins on these ports.

    Args:
        public_url: where people reach the server; without it no link is mailed.
    """

    def __init__(
        self,
        settings: AccountSettings,
        ports: AccessPorts,
        access: AccessCheck,
        limits: Limits,
        mail: Mail | None,
        public_url: str,
    ) -> None:
        self._public_url = public_url
        self._settings = settings
        self._ports = ports
        self._access = access
        self._limits = limits
        self._mail = mail
        self._passwords = Passwords()

    async def log_in(self, email: str, password: str) -> LoggedIn:
        """Begin a session.

        Raises:
            Unauthorized: ``wrong_password``, also where there is no such user.
            TooManyRequests: ``too_many_logins``.
            RecordsUnavailable: try again later.
        """
        email = email.strip().lower()
        await self._take(f"login:{digest_of(email)}", _TRIES)
        user = await self._user(email)
        if not await self._passwords.matches(user.password if user is not None else None, password) or user is None:
            raise Unauthorized("The email or the password is wrong.", code="wrong_password")
        if user.disabled_at is not None:
            raise Unauthorized("The email or the password is wrong.", code="wrong_password")
        return await self._begin(user)

    async def refresh(self, token: str) -> LoggedIn:
        """Go on with a session: the next pair of tokens.

        Raises:
            Unauthorized: ``invalid_token``.
            RecordsUnavailable: try again later.
        """
        following = new_secret(_REFRESH_PREFIX)
        try:
            session = await self._ports.sessions.refresh(digest_of(token), digest_of(following))
        except Unauthorized:
            await self._access.changed()  # a token that was used twice has ended its session
            raise
        return self._logged_in(session, following)

    async def go_on(self, token: str) -> LoggedIn:
        """Another access token of a browser's session, whose refresh token stays.

        Raises:
            Unauthorized: ``invalid_token``.
            RecordsUnavailable: try again later.
        """
        return self._logged_in(await self._ports.sessions.of(digest_of(token)), token)

    async def leave(self, refresh_token: str, access_token: str) -> bool:
        """End a browser's session, everywhere: that of the one token, else that of the other. False where neither is of a
        session that goes on.

        Raises:
            RecordsUnavailable: try again later.
        """
        try:
            session = await self._ports.sessions.of(digest_of(refresh_token))
        except Unauthorized:
            try:
                await self.log_out(access_token, self._access.caller(access_token).who)
            except Unauthorized:
                return False
            return True
        await self._ports.sessions.end(session.id, f"user:{session.user_id}")
        await self._access.changed()
        return True

    async def log_out(self, access_token: str, who: str) -> None:
        """End the session of a token, everywhere.

        Raises:
            Unauthorized: ``invalid_token``: it is of no session.
        """
        await self._ports.sessions.end(self._access.session_of(access_token), who)
        await self._access.changed()

    async def make_first_owner(self, link_token: str, email: str, password: str) -> None:
        """Make the owner of everything, with the link of the first start.

        Raises:
            Unauthorized: ``invalid_token``.
            InvalidInput: ``weak_password``, or the email is none.
            Conflict: ``user_exists``.
        """
        email = email.strip().lower()
        if "@" not in email or len(email) > 320:
            raise InvalidInput("This is no email address.")
        hashed = await self._passwords.hash(password)
        await self._ports.tickets.redeem(digest_of(link_token), "first_owner")
        user = User(new_id(), email, hashed, {ALL_TENANTS: "owner"}, now_ms())
        await self._ports.users.add(user, "setup", first=True)
        await self._access.changed()

    async def set_password(self, link_token: str, password: str) -> None:
        """Set a password with a link; all sessions of the user end.

        Raises:
            Unauthorized: ``invalid_token``.
            InvalidInput: ``weak_password``.
        """
        hashed = await self._passwords.hash(password)
        ticket: Ticket = await self._ports.tickets.redeem(digest_of(link_token), "password")
        user = next((one for one in await self._ports.users.users() if one.id == ticket.user_id), None)
        if user is None or user.disabled_at is not None:
            raise Unauthorized("This token is not valid, or not any more.", code="invalid_token")
        await self._ports.users.put(dataclasses.replace(user, password=hashed), f"user:{user.id}", "password_set")
        await self._access.changed()

    async def mail_link(self, email: str) -> None:
        """Mail a link to set a password, if there is such a user; nobody is told whether there is.

        Raises:
            NotFound: ``mail_not_configured``.
            TooManyRequests: ``too_many_logins``.
        """
        if self._mail is None or not self._public_url:
            raise NotFound("This server sends no mail: ask who runs it.", code="mail_not_configured")
        email = email.strip().lower()
        await self._take(f"mail:{digest_of(email)}", _MAILS)
        user = await self._user(email)
        if user is not None and user.disabled_at is None:
            link = await password_link(self._ports.tickets, user, "mail", self._public_url)
            self._mail.send_link(user.email, link)

    async def _user(self, email: str) -> User | None:
        try:
            return await self._ports.users.user(email)
        except NotFound:
            return None

    async def _take(self, name: str, rate: Rate) -> None:
        if waits := await self._limits.take(name, 1, rate):
            raise TooManyRequests("Too many tries: wait a little.", code="too_many_logins", retry_after=int(waits) + 1)

    async def _begin(self, user: User) -> LoggedIn:
        token = new_secret(_REFRESH_PREFIX)
        session = Session(new_id(), user.id, now_ms() + round(self._settings.login_days * 86_400_000))
        await self._ports.sessions.begin(session, digest_of(token))
        await self._access.refresh()
        return self._logged_in(session, token)

    def _logged_in(self, session: Session, refresh_token: str) -> LoggedIn:
        seconds = round(self._settings.login_minutes * 60)
        return LoggedIn(self._access.user_token(session.user_id, session.id, seconds), seconds, refresh_token)
