"""How the page looks, for forms of the server's own that run no script: its stylesheets and its icon, by their built names."""

import re
from dataclasses import dataclass
from typing import Final

_LINK: Final = re.compile(r'<link\b[^>]*\brel="(?:stylesheet|icon)"[^>]*>')
_ICON: Final = re.compile(r'<link\b(?=[^>]*\brel="icon")[^>]*\bhref="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Look:
    """Addresses are relative to the page's own, so they hold for whatever stands beside it.

    Attributes:
        links: elements for the head; empty where the page is not built.
        icon: the address of its icon, likewise.
    """

    links: str = ""
    icon: str = ""

    @classmethod
    def of_index(cls, index: bytes) -> "Look":
        """That of the page's ``index.html``."""
        text = index.decode()
        icon = _ICON.search(text)
        return cls("".join(_LINK.findall(text)), icon[1] if icon else "")
