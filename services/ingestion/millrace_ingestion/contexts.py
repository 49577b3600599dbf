"""What an event's ``context`` says of the browser that a server sends for."""

from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from millrace_ingestion.enrich.addresses import cut_address
from millrace_ingestion.enrich.agents import LONGEST_AGENT
from millrace_ingestion.enrich.languages import language_of
from millrace_ingestion.enrich.pages import Campaign, campaign_text
from millrace_ingestion.enrich.visits import campaign_of_context
from millrace_ingestion.objects import check_object, is_on_one_line, text_at

_LONGEST_CACHED: Final = 1024  # bytes; with 8,192 entries the cache stays under 40 MB
_SHORT: Final = 192  # bytes: a browser's user agent fits, its page beside it does not
_LONGEST_USUAL: Final = 8192  # bytes: no text in it can be longer than the event's own fields may be


class Context(msgspec.Struct, frozen=True, gc=False):
    """The parts of a context that become columns, empty where it does not say them."""

    text: msgspec.Raw | str = ""
    """As it is stored: addresses in it are cut."""
    ip: str = ""
    """Already cut."""
    language: str = ""
    user_agent: str = ""
    page_url: str = ""
    referrer: str = ""
    campaign: Campaign | None = None


_Text = str | None
_Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Number = _Whole | float | None


class _Part(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """An object with these fields or fewer."""


class _Page(_Part):
    url: _Text = None
    path: _Text = None
    referrer: _Text = None
    search: _Text = None
    title: _Text = None


class _Campaign(_Part):
    source: _Text = None
    medium: _Text = None
    name: _Text = None
    term: _Text = None
    content: _Text = None


class _Program(_Part):
    name: _Text = None
    version: _Text = None
    build: _Text = None
    namespace: _Text = None


class _Screen(_Part):
    width: _Number = None
    height: _Number = None
    inner_width: _Number = None
    inner_height: _Number = None
    density: _Number = None


class _Brand(_Part):
    brand: _Text = None
    version: _Text = None


class _Agent(_Part):
    brands: list[_Brand] | None = None
    mobile: bool | None = None
    platform: _Text = None


class _Usual(_Part):
    """What SDKs say of a browser or of themselves, in the words of Segment's specification. Whatever fits has no address, no
    key that is too long, and nothing that is nested too deeply, so that decoding it is all of its check."""

    user_agent: _Text = None
    user_agent_data: _Agent | None = None
    locale: _Text = None
    timezone: _Text = None
    session_id: _Text | _Whole = None
    page: _Page | None = None
    campaign: _Campaign | None = None
    screen: _Screen | None = None
    app: _Program | None = None
    library: _Program | None = None
    os: _Program | None = None


_decode_usual = msgspec.json.Decoder(_Usual).decode
_NO_PAGE: Final = _Page()


def context_of(raw: msgspec.Raw) -> Context:
    """Read a context.

    A short one is that of many visitors with the same browser, so the last 8,192 are kept: 0.3 µs. One with a page is hardly
    ever seen again, and takes 1 µs where it is a usual one, else 5 (python -m tests.bench.protocol_cost).

    Raises:
        InvalidInput: as ``check_object`` does.
    """
    text = bytes(raw)
    if len(text) > _SHORT and (usual := _usual(raw, text)) is not None:
        return usual
    return _cached(text) if len(text) <= _LONGEST_CACHED else _context(text)


def _usual(raw: msgspec.Raw, sent: bytes) -> Context | None:
    """What :func:`_context` makes of it; None where it is not a usual one."""
    if len(sent) > _LONGEST_USUAL or not sent.startswith(b'{"') or not is_on_one_line(sent):  # with a field, all on one line
        return None
    try:
        said = _decode_usual(sent)
    except ValueError:
        return None
    page, told = said.page or _NO_PAGE, said.campaign
    return Context(
        text=raw,
        language=language_of(said.locale[:64]) if said.locale else "",
        user_agent=(said.user_agent or "")[:LONGEST_AGENT],
        page_url=page.url or "",
        referrer=page.referrer or "",
        campaign=None if told is None else _campaign_of(told),
    )


def _campaign_of(told: _Campaign) -> Campaign:
    return Campaign(*map(campaign_text, (told.source, told.medium, told.name, told.term, told.content)))


def _context(sent: bytes) -> Context:
    text, said = check_object(msgspec.Raw(sent), "context")
    if not said:
        return Context()
    page: Any = said.get("page")
    if not isinstance(page, dict):
        page = {}
    return Context(
        text=text,
        ip=cut_address(text_at(said, "ip")[:64]),
        language=language_of(text_at(said, "locale")[:64]),
        user_agent=text_at(said, "userAgent")[:LONGEST_AGENT],
        page_url=text_at(page, "url"),
        referrer=text_at(page, "referrer"),
        campaign=campaign_of_context(said),
    )


_cached = lru_cache(maxsize=8192)(_context)
