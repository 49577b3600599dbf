"""Where somebody is and where they came from: the columns from page to channel."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from millrace_core.events import Visit, part_of_line
from millrace_ingestion.enrich.channels import channel_of
from millrace_ingestion.enrich.pages import CAMPAIGN_KEYS, Campaign, campaign_text, page_of

_LONGEST_CACHED: Final = 1024  # characters of all addresses; with 8,192 entries the cache stays under 30 MB
_CAMPAIGN_PROPERTIES: Final = frozenset(CAMPAIGN_KEYS)


def visit_of(page_url: str, referrer: str, page: str, campaign: Campaign | None = None) -> Visit:
    """The visit of these addresses.

    Args:
        page_url: the page's address, whole or from its path on; may be empty.
        referrer: the referrer's address; may be empty.
        page: the page as the client names it; else it is the path of ``page_url``.
        campaign: UTM fields from elsewhere, for a page whose address has none.
    """
    at = page_of(page_url)
    came_from = page_of(referrer).host[:255]
    if campaign is None or any(at.campaign):
        campaign = at.campaign
    channel = channel_of(campaign, at.paid, came_from, at.host, on_page=bool(page_url))
    return Visit(page_url, page or at.path, referrer, came_from, channel, *campaign)


def visit_text(page_url: str, referrer: str, page: str, campaign: Campaign | None = None) -> bytes:
    """The text of :func:`visit_of` in a line: 0.2 µs while it is among the last 8,192, else 8 µs."""
    if len(page_url) + len(referrer) + len(page) > _LONGEST_CACHED:
        return part_of_line(visit_of(page_url, referrer, page, campaign))
    return _cached_text(page_url, referrer, page, campaign)


@lru_cache(maxsize=8192)
def _cached_text(page_url: str, referrer: str, page: str, campaign: Campaign | None) -> bytes:
    return part_of_line(visit_of(page_url, referrer, page, campaign))


def campaign_of_properties(properties: Mapping[str, Any]) -> Campaign | None:
    """UTM fields from ``properties.utm_*``; None where there are none."""
    if _CAMPAIGN_PROPERTIES.isdisjoint(properties):
        return None
    return Campaign(*(campaign_text(properties.get(key)) for key in CAMPAIGN_KEYS))


def campaign_of_context(context: Mapping[str, Any]) -> Campaign | None:
    """UTM fields from ``context.campaign`` (``source``, ``medium``, ``name``, …); None where there are none."""
    campaign = context.get("campaign")
    if not isinstance(campaign, dict):
        return None
    return Campaign(*(campaign_text(campaign.get(field)) for field in Campaign._fields))
