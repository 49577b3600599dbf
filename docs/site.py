"""Looks at the site that `make site` has built: where its links lead, and what its pages would ask of others.

python -m docs.site  prints what is wrong, and exits 1 if anything is

The generator looks for links between pages in Markdown. This looks at what became of them, also of those that lead out of
docs/, of anchors, and of everything that a page loads.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

ROOT: Final = Path(__file__).parents[1]
SITE: Final = ROOT / "build/site"
_REPOSITORY: Final = re.compile(r"https://github\.com/millrace/millrace/(?:blob|edit|tree)/main/([^#?]+)")
_LOADS: Final = {"object": "data", **dict.fromkeys(("embed", "iframe", "img", "script", "source", "video"), "src")}
_LINKED: Final = {"stylesheet", "icon", "preconnect", "preload", "modulepreload", "prefetch", "dns-prefetch", "manifest"}


@dataclass
class Page(HTMLParser):
    """What a page has: anchors, links, and what a browser loads for it."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in _LOADS and _LOADS[tag] in given:
            self.loads.append(given[_LOADS[tag]])
        if tag == "link" and _LINKED & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))


def read(path: Path) -> Page:
    """The page in a file."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def faults(site: Path = SITE, root: Path = ROOT) -> list[str]:
    """A line for each link that leads nowhere and each thing that a page would load from elsewhere."""
    pages = {path.resolve(): read(path) for path in sorted(site.rglob("*.html"))}
    found: list[str] = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        found += [f"{name}: {link} leads nowhere" for link in page.links if not _leads(link, path, site, root, pages)]
        found += [f"{name}: loads {load}" for load in page.loads if not _is_here(load, path, site)]
    for path in sorted(site.rglob("*.css")):
        found += [f"{path.relative_to(site)}: loads {load}" for load in _of_style(path)]
    return found


def _leads(link: str, path: Path, site: Path, root: Path, pages: dict[Path, Page]) -> bool:
    ours = _REPOSITORY.match(link)
    if ours is not None:
        return (root / unquote(ours[1])).exists()
    if urlsplit(link).scheme:
        return True
    target = _target(link, path, site)
    anchor = unquote(urlsplit(link).fragment)
    return target.exists() and (not anchor or target not in pages or anchor in pages[target].anchors)


def _target(link: str, path: Path, site: Path) -> Path:
    there = unquote(urlsplit(link).path)
    base = site / there.lstrip("/") if there.startswith("/") else path.parent / there
    if not there:
        return path
    return (base / "index.html" if base.is_dir() else base).resolve()


def _is_here(load: str, path: Path, site: Path) -> bool:
    parts = urlsplit(load)
    return parts.scheme == "data" or (not parts.scheme and not parts.netloc and _target(load, path, site).exists())


def _of_style(path: Path) -> Iterator[str]:
    for load in re.findall(r"url\([\"']?([^)\"']+)|@import\s+[\"']([^\"']+)", path.read_text(encoding="utf-8")):
        address = load[0] or load[1]
        if re.match(r"(?:https?:)?//", address):
            yield address


def main() -> None:
    """Print what is wrong."""
    found = faults()
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"{SITE.relative_to(ROOT)}: {len(list(SITE.rglob('*.html')))} pages, {len(found)} faults\n")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
