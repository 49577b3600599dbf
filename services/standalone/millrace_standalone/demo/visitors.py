"""Who comes to the shop: devices, where people come from, and whether they have an account."""

import random
from typing import Final, NamedTuple

from millrace_standalone.demo.catalogue import SITE


class Device(NamedTuple):
    """A browser on a machine."""

    kind: str
    agent: str
    share: float


_WINDOWS: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_CHROME: Final = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0"
_IPHONE: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_ANDROID: Final = "Mozilla/5.0 (Linux; Android 10; K)"
_WEBKIT: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6"
_SAMSUNG: Final = f"{_ANDROID} AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"
_IPAD: Final = f"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) {_WEBKIT} Mobile/15E148 Safari/604.1"

DEVICES: Final = (
    Device("mobile", f"{_IPHONE} Version/18.6 Mobile/15E148 Safari/604.1", 27),
    Device("mobile", f"{_ANDROID} {_CHROME} Mobile Safari/537.36", 24),
    Device("mobile", _SAMSUNG, 5),
    Device("mobile", f"{_IPHONE} CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1", 3),
    Device("desktop", f"{_WINDOWS} {_CHROME} Safari/537.36", 18),
    Device("desktop", f"{_WINDOWS} {_CHROME} Safari/537.36 Edg/141.0.0.0", 6),
    Device("desktop", f"{_MAC} {_CHROME} Safari/537.36", 5),
    Device("desktop", f"{_MAC} {_WEBKIT} Safari/605.1.15", 5),
    Device("desktop", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0", 3),
    Device("desktop", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", 1),
    Device("tablet", _IPAD, 3),
)  # fmt: skip
BOTS: Final = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
)


class Source(NamedTuple):
    """Where a visit comes from. ``appetite`` scales the chance of every step to a purchase."""

    referrer: str
    campaign: str
    share: float
    appetite: float


def _utm(source: str, medium: str, campaign: str) -> str:
    return f"utm_source={source}&utm_medium={medium}&utm_campaign={campaign}"


SOURCES: Final = (
    Source("https://www.google.com/", "", 27, 1.05),
    Source("", "", 24, 1.15),
    Source("https://www.google.com/", _utm("google", "cpc", "brand"), 9, 1.2),
    Source("https://www.google.com/", _utm("google", "cpc", "espresso-machines"), 6, 0.95),
    Source("", _utm("newsletter", "email", "weekly-roast"), 8, 1.45),
    Source("https://www.instagram.com/", _utm("instagram", "paid_social", "autumn-cups"), 7, 0.55),
    Source("https://www.facebook.com/", "", 4, 0.7),
    Source("https://www.bing.com/", "", 4, 1.0),
    Source("https://duckduckgo.com/", "", 2.5, 1.0),
    Source("https://www.youtube.com/", _utm("youtube", "video", "brew-guides"), 2.5, 0.6),
    Source("https://www.pinterest.com/", "", 1.5, 0.6),
    Source("https://chatgpt.com/", "", 1.5, 1.1),
    Source("https://coffee-blog.example.org/best-grinders", "", 2, 1.3),
    Source("https://deals.example.net/", _utm("deals", "affiliate", "autumn-sale"), 1, 0.9),
)
_COUNTRIES: Final = (("DE", "de-DE", 38), ("AT", "de-AT", 9), ("NL", "nl-NL", 13), ("FR", "fr-FR", 14), ("BE", "nl-BE", 6),
                     ("GB", "en-GB", 11), ("SE", "sv-SE", 5), ("US", "en-US", 4))  # fmt: skip


class Person(NamedTuple):
    """Someone with a browser: the same whenever they come back."""

    visitor_id: str
    user_id: str
    """Of their account, empty where they will never have one."""
    device: Device
    source: Source
    """Through which they found the shop."""
    country: str
    locale: str
    favourite: int
    """Number of the category that they look at most."""
    eagerness: float
    """Scales the chance of every step to a purchase."""


def person(seed: str, minute: int, number: int) -> Person:
    """The ``number``-th new visitor of a minute since the epoch."""
    chance = random.Random(f"{seed}/person/{minute}/{number}")  # noqa: S311
    device = chance.choices(DEVICES, _DEVICE_SHARES)[0]
    country, locale, _ = chance.choices(_COUNTRIES, _COUNTRY_SHARES)[0]
    return Person(
        visitor_id=f"v_{chance.getrandbits(48):012x}",
        user_id=f"u_{chance.getrandbits(32):08x}" if chance.random() < 0.22 else "",
        device=device,
        source=chance.choices(SOURCES, _SOURCE_SHARES)[0],
        country=country,
        locale=locale,
        favourite=chance.choices(range(5), (38, 17, 20, 11, 14))[0],
        eagerness=chance.lognormvariate(0, 0.35) * (1.25 if device.kind == "desktop" else 0.85),
    )


def bot(seed: str, minute: int, number: int) -> tuple[str, str]:
    """Visitor id and user agent of a crawler that comes in this minute."""
    chance = random.Random(f"{seed}/bot/{minute}/{number}")  # noqa: S311
    which = chance.randrange(len(BOTS))
    return f"v_bot{which}_{minute // 1440:05d}", BOTS[which]


def landing_url(path: str, source: Source) -> str:
    """The address of the first page of a visit, with the campaign of its source."""
    return f"{SITE}{path}?{source.campaign}" if source.campaign else f"{SITE}{path}"


_DEVICE_SHARES: Final = tuple(one.share for one in DEVICES)
_SOURCE_SHARES: Final = tuple(one.share for one in SOURCES)
_COUNTRY_SHARES: Final = tuple(one[2] for one in _COUNTRIES)
