"""The language of a visitor."""

import re
from functools import lru_cache

_is_tag = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}\Z").match


@lru_cache(maxsize=4096)
def language_of(text: str) -> str:
    """The first language of a locale (``de_AT.UTF-8``) or an ``Accept-Language`` header, as a tag of BCP 47: ``de-AT``.

    Empty when it is none.
    """
    tag = text[:64].partition(",")[0].partition(";")[0].partition(".")[0].strip().replace("_", "-")
    if not _is_tag(tag):
        return ""
    language, *rest = tag.split("-")
    return "-".join([language.lower(), *(_subtag(part) for part in rest)])


def _subtag(part: str) -> str:
    """Regions in upper case, scripts with a capital (RFC 5646, 2.1.1)."""
    if len(part) == 2:
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part.lower()
