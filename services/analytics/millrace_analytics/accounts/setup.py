"""``/setup``: the form behind a link that works once, for the first owner or for a password. No script, nothing loaded."""

import html
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from millrace_analytics.accounts.logins import Logins
from millrace_analytics.accounts.passwords import SHORTEST
from millrace_core.errors import MillraceError
from millrace_web.errors import status_of

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STYLE: Final = (
    ":root{color-scheme:light dark;--bg:light-dark(#f6f7f5,#0f1211);--card:light-dark(#fff,#171b19);"
    "--line:light-dark(#c9cec7,#3c4540);--text:light-dark(#1a1d1a,#e9ece9);--muted:light-dark(#5c635d,#9fa8a2);"
    "--accent:light-dark(#0f766e,#45c4b4);--on:light-dark(#fff,#06201c);--bad:light-dark(#ab2b22,#f08a80)}"
    "body{font:15px/1.5 ui-sans-serif,system-ui,sans-serif;background:var(--bg);color:var(--text);margin:0;min-height:100vh;"
    "display:grid;place-content:center;grid-template-columns:minmax(0,24rem);padding:0 1rem;box-sizing:border-box}"
    "main{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.5rem}"
    "h1{font-size:1.25rem;letter-spacing:-.02em;margin:0 0 .5rem}p{margin:0;color:var(--muted)}a{color:var(--accent)}"
    "label{display:block;margin:1rem 0 .3rem;font-size:.85rem;color:var(--muted)}"
    "input,button{font:inherit;color:inherit;width:100%;padding:.5rem .75rem;box-sizing:border-box;border-radius:7px;"
    "border:1px solid var(--line);background:var(--card)}"
    "button{margin-top:1.5rem;border-color:transparent;background:var(--accent);color:var(--on);font-weight:550;cursor:pointer}"
    ":focus-visible{outline:2px solid var(--accent);outline-offset:2px}p.wrong{color:var(--bad);margin-top:.5rem}"
)
_EMAIL: Final = (
    '<label for="email">Email</label>'
    '<input id="email" name="email" type="email" autocomplete="username" required value="{email}">'
)
_FORM: Final = (
    '<form method="post" action="setup"><input type="hidden" name="token" value="{token}">'
    '<input type="hidden" name="for" value="{purpose}">{email}<label for="password">Password</label>'
    '<input id="password" name="password" type="password" autocomplete="new-password" minlength="{shortest}" required>'
    "<button>{button}</button></form>"
)
_MOST_FIELDS: Final = 10


def setup_router(logins: Logins) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/setup")
    async def show(token: str = "", purpose: str = "password") -> HTMLResponse:
        return _page(200, *_texts(purpose), _form(token, purpose, ""))

    @router.post("/setup")
    async def take(request: Request) -> HTMLResponse:
        text = (await request.body()).decode("utf-8", "replace")
        try:
            given = {name: values[0] for name, values in parse_qs(text, max_num_fields=_MOST_FIELDS).items()}
        except ValueError:
            given = {}
        return await _taken(logins, given)

    return router


async def _taken(logins: Logins, given: dict[str, str]) -> HTMLResponse:
    token, password, email = given.get("token", ""), given.get("password", ""), given.get("email", "")
    purpose = given.get("for", "password")
    title, said = _texts(purpose)
    try:
        if purpose == "first_owner":
            await logins.make_first_owner(token, email, password)
        else:
            await logins.set_password(token, password)
    except MillraceError as error:
        wrong = f'{said}</p><p class="wrong" role="alert">{html.escape(error.message)}'
        return _page(status_of(error), title, wrong, _form(token, purpose, email))
    return _page(200, "Done", 'You can <a href="./">sign in</a> now, with your email and this password.', "")


def _texts(purpose: str) -> tuple[str, str]:
    """Title, and what is to be done."""
    if purpose == "first_owner":
        return "The first owner", "Whoever sends this form owns everything on this server, and can let others in."
    return "Set your password", "Every session of before ends."


def _form(token: str, purpose: str, email: str) -> str:
    is_owner = purpose == "first_owner"
    return _FORM.format(
        token=html.escape(token, quote=True),
        purpose="first_owner" if is_owner else "password",
        email=_EMAIL.format(email=html.escape(email, quote=True)) if is_owner else "",
        shortest=SHORTEST,
        button="Become the owner" if is_owner else "Set the password",
    )


def _page(status: int, title: str, said: str, form: str) -> HTMLResponse:
    """``said`` is HTML of ours, in which what others sent is escaped."""
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Millrace: {title}</title><style>{_STYLE}</style><main><h1>{title}</h1><p>{said}</p>{form}</main></html>"
    )
    return HTMLResponse(body, status, _HEADERS)
