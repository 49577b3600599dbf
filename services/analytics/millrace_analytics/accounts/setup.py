"""``/setup``: the form behind a link that works once, for the first owner or for a password. No script; of the page only how
it looks."""

import html
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from millrace_analytics.accounts.logins import Logins
from millrace_analytics.accounts.passwords import SHORTEST
from millrace_analytics.web.look import Look
from millrace_core.errors import MillraceError
from millrace_web.errors import status_of

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FRAME: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex"><title>{title} · Millrace</title>'
    '{links}</head><body><main class="alone">{shown}</main></body></html>'
)
_HEAD: Final = '{icon}<h1>{title}</h1><p class="muted">{said}</p>'
_ICON: Final = '<img src="{icon}" alt="" width="40" height="40">'
_EMAIL: Final = (
    '<label class="field"><span>Email</span>'
    '<input class="input" name="email" type="email" autocomplete="username" required value="{email}"></label>'
)
_FORM: Final = (
    '<form class="card signin" method="post" action="setup">{head}<input type="hidden" name="token" value="{token}">'
    '<input type="hidden" name="for" value="{purpose}">{email}<label class="field">'
    "<span>Password, of {shortest} characters or more</span>"
    '<input class="input" name="password" type="password" autocomplete="new-password" minlength="{shortest}" required></label>'
    '{wrong}<button class="button first">{button}</button></form>'
)
_WRONG: Final = '<div class="note bad" role="alert"><p><strong>{message}</strong></p></div>'
_DONE: Final = '<div class="card signin">{head}<a class="button first" href="./">Sign in</a></div>'
_MOST_FIELDS: Final = 10


def setup_router(logins: Logins, look: Look) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/setup")
    async def show(token: str = "", purpose: str = "password") -> HTMLResponse:
        return _form(look, {"token": token, "for": purpose})

    @router.post("/setup")
    async def take(request: Request) -> HTMLResponse:
        text = (await request.body()).decode("utf-8", "replace")
        try:
            given = {name: values[0] for name, values in parse_qs(text, max_num_fields=_MOST_FIELDS).items()}
        except ValueError:
            given = {}
        try:
            await _take(logins, given)
        except MillraceError as error:
            return _form(look, given, error)
        said = "You can sign in now, with your email and this password."
        return _page(200, look, "Your password is set", _DONE.format(head=_head(look, "Your password is set", said)))

    return router


async def _take(logins: Logins, given: Mapping[str, str]) -> None:
    token, password = given.get("token", ""), given.get("password", "")
    if _is_owner(given):
        await logins.make_first_owner(token, given.get("email", ""), password)
    else:
        await logins.set_password(token, password)


def _is_owner(given: Mapping[str, str]) -> bool:
    return given.get("for") == "first_owner"


def _form(look: Look, given: Mapping[str, str], error: MillraceError | None = None) -> HTMLResponse:
    """The form with what was filled in, but for the password; ``error`` is what was wrong with it."""
    if _is_owner(given):
        title, button = "The first owner", "Become the owner"
        said = "Whoever sends this form owns everything on this server, and can let others in."
    else:
        title, button, said = "Set your password", "Set the password", "Every session of before ends."
    form = _FORM.format(
        head=_head(look, title, said),
        token=html.escape(given.get("token", ""), quote=True),
        purpose="first_owner" if _is_owner(given) else "password",
        email=_EMAIL.format(email=html.escape(given.get("email", ""), quote=True)) if _is_owner(given) else "",
        shortest=SHORTEST,
        wrong="" if error is None else _WRONG.format(message=html.escape(error.message)),
        button=button,
    )
    return _page(200 if error is None else status_of(error), look, title, form)


def _head(look: Look, title: str, said: str) -> str:
    return _HEAD.format(icon=_ICON.format(icon=look.icon) if look.icon else "", title=title, said=said)


def _page(status: int, look: Look, title: str, shown: str) -> HTMLResponse:
    """``shown`` is HTML of ours, in which what others sent is escaped."""
    return HTMLResponse(_FRAME.format(title=title, links=look.links, shown=shown), status, _HEADERS)
