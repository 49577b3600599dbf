"""Page addresses and referrers: host, path, campaign parameters, click ids."""

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_plus, urlsplit

_LONGEST_CACHED: Final = 1024  # characters; with 8,192 entries the cache stays under 20 MB whatever is sent
_LONGEST_VALUE: Final = 256  # characters of a campaign field; the columns are dictionaries
_MOST_PARAMETERS: Final = 256
CAMPAIGN_KEYS: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
# Parameters that an advertising network adds to a click that was paid for.
_PAID_SEARCH: Final = frozenset({"gclid", "gbraid", "wbraid", "msclkid", "yclid"})
_PAID_SOCIAL: Final = frozenset({"ttclid", "twclid", "li_fat_id", "rdt_cid", "sccid", "epik"})
_DISPLAY: Final = frozenset({"dclid"})
# Second-level labels under which country registries sell names (example.co.uk).
_REGISTRY_LABELS: Final = frozenset({"ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"})


class Campaign(NamedTuple):
    """The five UTM fields."""

    source: str = ""
    medium: str = ""
    name: str = ""
    term: str = ""
    content: str = ""


class Page(NamedTuple):
    """What an address says. ``host`` is in lower case and without ``www.``; ``paid`` is the channel of a click id."""

    host: str = ""
    path: str = ""
    campaign: Campaign = Campaign()
    paid: str = ""


NOWHERE: Final = Page()


def page_of(url: str) -> Page:
    """Take an address apart; an address that cannot be read says nothing."""
    return _cached_page(url) if len(url) <= _LONGEST_CACHED else _page(url)


def _page(url: str) -> Page:
    if not url:
        return NOWHERE
    if "://" not in url[:32] and not url.startswith("/") and "." in url.partition("/")[0]:
        url = "//" + url  # `example.com/path`, as some clients send it
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return NOWHERE
    campaign, paid = _parameters(parts.query) if parts.query else (Campaign(), "")
    return Page(host.rstrip(".").removeprefix("www."), parts.path or ("/" if host else ""), campaign, paid)


_cached_page = lru_cache(maxsize=8192)(_page)


def _parameters(query: str) -> tuple[Campaign, str]:
    found: dict[str, str] = {}
    for pair in query.split("&", _MOST_PARAMETERS)[:_MOST_PARAMETERS]:
        name, _, value = pair.partition("=")
        found.setdefault(name.lower(), value)
    campaign = Campaign(*(campaign_text(unquote_plus(found.get(key, ""))) for key in CAMPAIGN_KEYS))
    return campaign, _paid(found)


def _paid(parameters: dict[str, str]) -> str:
    if not _PAID_SEARCH.isdisjoint(parameters):
        return "paid search"
    if not _PAID_SOCIAL.isdisjoint(parameters):
        return "paid social"
    return "display" if not _DISPLAY.isdisjoint(parameters) else ""


def campaign_text(value: object) -> str:
    """A campaign field as it is stored: text without space around it, cut to 256 characters; anything else is empty."""
    return value.strip()[:_LONGEST_VALUE] if isinstance(value, str) else ""


def same_site(one: str, other: str) -> bool:
    """Whether two hosts belong to one site, by their registrable part.

    Without a list of public suffixes: the last two labels, or three where the second is a registry's (``co.uk``).
    """
    return one == other or _site(one) == _site(other)


def _site(host: str) -> str:
    labels = host.split(".")
    if labels[-1].isdigit():  # an address, not a name
        return host
    length = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _REGISTRY_LABELS else 2
    return ".".join(labels[-length:])
