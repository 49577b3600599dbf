"""The channel of a visit: how somebody came to the page.

Judged in this order, the first that says something wins:

| what | channel |
|---|---|
| a click id in the page's address (``gclid``, ``ttclid``, ``dclid``, …) | ``paid search``, ``paid social``, ``display`` |
| ``utm_medium`` | by the table ``_BY_MEDIUM``; paid media of a social source are ``paid social`` |
| ``utm_source`` that is a social network, a search engine or a mail sender | ``social``, ``organic search``, ``email`` |
| any other UTM field | ``campaign`` |
| a referrer of the same site | empty: a step inside a visit has no channel |
| a webmail, an assistant, a search engine, a social network | ``email``, ``ai assistant``, ``organic search``, ``social`` |
| any other referrer | ``referral`` |
| a page without a referrer | ``direct`` |
| no page | empty |
"""

import re
from functools import lru_cache
from typing import Final

from millrace_ingestion.enrich.pages import Campaign, same_site


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PAID_MEDIA: Final = frozenset(
    {"cpc", "ppc", "cpv", "cpa", "paid", "paidsearch", "paid-search", "paid_search", "paid search", "sem", "retargeting", "ads"}
)
_BY_MEDIUM: Final = {
    **dict.fromkeys(("paidsocial", "paid-social", "paid_social", "paid social", "social-paid", "social_paid"), "paid social"),
    **dict.fromkeys(("display", "banner", "cpm", "interstitial", "expandable", "programmatic"), "display"),
    **dict.fromkeys(("email", "e-mail", "e_mail", "e mail", "mail", "newsletter"), "email"),
    **dict.fromkeys(("affiliate", "affiliates", "partner"), "affiliate"),
    **dict.fromkeys(
        ("social", "social-network", "social_network", "social network", "social-media", "social_media", "social media", "sm"),
        "social",
    ),
    **dict.fromkeys(("organic", "organic-search", "organic_search", "organic search"), "organic search"),
    **dict.fromkeys(("referral", "referrer", "link"), "referral"),
}
_SEARCH: Final = re.compile(
    r"(?:[a-z]{2}\.|search\.|images?\.|news\.|m\.)?"
    r"(?:google(?:\.[a-z]{2,3}){1,2}|bing\.com|duckduckgo\.com|(?:[a-z]{2,4}\.)?(?:search\.)?yahoo(?:\.[a-z]{2,3}){1,2}|"
    r"yandex(?:\.[a-z]{2,3}){1,2}|ya\.ru|baidu\.com|ecosia\.org|qwant\.com|startpage\.com|search\.brave\.com|naver\.com|"
    r"seznam\.cz|sogou\.com|so\.com|ask\.com|aol\.com|kagi\.com|mojeek\.com|swisscows\.com|metager\.(?:de|org)|"
    r"presearch\.com|rambler\.ru|daum\.net|dogpile\.com|coccoc\.com|lite\.duckduckgo\.com|html\.duckduckgo\.com|"
    r"com\.google\.android\.googlequicksearchbox)\Z"
)
_SOCIAL: Final = _words("""
    facebook.com fb.com fb.me instagram.com threads.net threads.com twitter.com t.co x.com linkedin.com lnkd.in reddit.com
    pinterest.com pin.it youtube.com youtu.be tiktok.com snapchat.com tumblr.com vk.com ok.ru weibo.com t.me telegram.org
    web.telegram.org whatsapp.com wa.me discord.com bsky.app mastodon.social quora.com news.ycombinator.com xing.com line.me
    douyin.com xiaohongshu.com medium.com nextdoor.com flipboard.com mix.com lobste.rs com.facebook.katana
    com.linkedin.android com.twitter.android com.reddit.frontpage org.telegram.messenger com.instagram.android
""")
_MAIL: Final = _words("""
    mail.google.com outlook.live.com outlook.office.com outlook.office365.com mail.yahoo.com mail.proton.me mail.zoho.com
    mail.aol.com mail.ru e.mail.ru mail.yandex.ru mail.yandex.com app.fastmail.com webmail.freenet.de navigator.gmx.net
    com.google.android.gm com.microsoft.office.outlook
""")
_ASSISTANTS: Final = _words("""
    chatgpt.com chat.openai.com perplexity.ai claude.ai gemini.google.com copilot.microsoft.com chat.mistral.ai deepseek.com
    chat.deepseek.com grok.com meta.ai you.com phind.com poe.com
""")
_SOCIAL_NAMES: Final = _words("""
    facebook fb instagram ig threads twitter x linkedin reddit pinterest youtube yt tiktok snapchat tumblr vk weibo telegram
    whatsapp discord bluesky mastodon quora hackernews hn xing douyin nextdoor meta
""")
_SEARCH_NAMES: Final = frozenset({"google", "bing", "duckduckgo", "yahoo", "yandex", "baidu", "ecosia", "qwant", "adwords"})
_MAIL_NAMES: Final = frozenset({"newsletter", "email", "e-mail", "mailchimp", "sendgrid", "klaviyo", "brevo", "mail"})


@lru_cache(maxsize=8192)
def channel_of(campaign: Campaign, paid: str, referrer: str, host: str, *, on_page: bool) -> str:
    """The channel by the table above.

    Args:
        campaign: the UTM fields.
        paid: the channel of a click id, or empty.
        referrer: host of the referrer, in lower case without ``www.``, or empty.
        host: host of the page in the same form, or empty.
        on_page: whether the event happened on a page at all.
    """
    if paid:
        return paid
    if any(campaign):
        return _by_campaign(campaign)
    if not referrer:
        return "direct" if on_page else ""
    if host and same_site(referrer, host):
        return ""
    return _by_referrer(referrer)


def _by_campaign(campaign: Campaign) -> str:
    source, medium = campaign.source.lower(), campaign.medium.lower()
    kind = _kind_of_source(source)
    if medium in _PAID_MEDIA:
        return "paid social" if kind == "social" else "paid search"
    return _BY_MEDIUM.get(medium) or ("campaign" if medium else kind or "campaign")


def _kind_of_source(source: str) -> str:
    source = source.removeprefix("www.")
    if source in _SOCIAL_NAMES or _in(source, _SOCIAL):
        return "social"
    if source in _SEARCH_NAMES or _SEARCH.match(source):
        return "organic search"
    return "email" if source in _MAIL_NAMES else ""


def _by_referrer(host: str) -> str:
    if _in(host, _MAIL):
        return "email"
    if _in(host, _ASSISTANTS):
        return "ai assistant"
    if _SEARCH.match(host):
        return "organic search"
    return "social" if _in(host, _SOCIAL) else "referral"


def _in(host: str, hosts: frozenset[str]) -> bool:
    """Whether the host or one of the domains that it belongs to is listed."""
    while host:
        if host in hosts:
            return True
        host = host.partition(".")[2]
    return False
