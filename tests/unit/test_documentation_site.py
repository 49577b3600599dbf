"""The look at the site that was built: what it finds, and what it leaves alone."""

from pathlib import Path

import pytest
from docs.site import faults


def _site(folder: Path, body: str, style: str = "") -> list[str]:
    site = folder / "site"
    (site / "guide").mkdir(parents=True)
    (site / "index.html").write_text(f"<h1 id='top'>x</h1>{body}")
    (site / "guide/index.html").write_text("<h2 id='first'>y</h2>")
    (site / "look.css").write_text(style)
    (folder / "there.py").touch()
    return faults(site, folder)


@pytest.mark.parametrize(
    "body",
    [
        "<a href='guide/'>y</a>",
        "<a href='guide/#first'>y</a>",
        "<a href='/guide/'>y</a>",
        "<a href='#top'>x</a>",
        "<a href='https://example.com/elsewhere'>z</a>",
        "<a href='mailto:a@example.com'>z</a>",
        "<a href='https://github.com/millrace/millrace/blob/main/there.py'>z</a>",
        "<link rel='stylesheet' href='look.css'>",
        "<link rel='canonical' href='https://example.com/'>",
        "<img src='data:image/png;base64,AA=='>",
    ],
)
def test_what_leads_somewhere_is_left_alone(tmp_path: Path, body: str) -> None:
    assert _site(tmp_path, body, "a { background: url(data:x) } b { background: url('look.svg') }") == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<a href='gone/'>y</a>", "gone/ leads nowhere"),
        ("<a href='../'>y</a>", "../ leads nowhere"),
        ("<a href='guide/#second'>y</a>", "guide/#second leads nowhere"),
        ("<a href='#bottom'>x</a>", "#bottom leads nowhere"),
        (
            "<a href='https://github.com/millrace/millrace/blob/main/gone.py'>z</a>",
            "https://github.com/millrace/millrace/blob/main/gone.py leads nowhere",
        ),
        ("<img src='gone.svg'>", "loads gone.svg"),
        ("<script src='https://cdn.example.com/x.js'></script>", "loads https://cdn.example.com/x.js"),
        ("<link rel='preconnect' href='//fonts.example.com'>", "loads //fonts.example.com"),
    ],
)
def test_what_leads_nowhere_or_comes_from_elsewhere_is_a_fault(tmp_path: Path, body: str, fault: str) -> None:
    assert _site(tmp_path, body) == [f"index.html: {fault}"]


@pytest.mark.parametrize("style", ["a { background: url('https://example.com/x.svg') }", '@import "//example.com/x.svg";'])
def test_a_style_that_loads_from_elsewhere_is_a_fault(tmp_path: Path, style: str) -> None:
    (fault,) = _site(tmp_path, "", style)
    assert fault.startswith("look.css: loads ")
