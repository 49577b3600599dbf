"""User agents: what they are, and who is a bot."""

import pytest

from millrace_ingestion.enrich.agents import Agent, Agents, is_browser_like

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"


@pytest.fixture(scope="module")
def agents() -> Agents:
    return Agents()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/120.0 Safari/537.36", ("Chrome", "Windows", "desktop")),
        (f"Mozilla/5.0 (Linux; Android 13; Pixel 7) {_WEBKIT} Chrome/120.0 Mobile Safari/537.36", (None, "Android", "mobile")),
        (f"Mozilla/5.0 (Linux; Android 13; SM-X700) {_WEBKIT} Chrome/120.0 Safari/537.36", (None, "Android", "tablet")),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) {_SAFARI}",
            ("Mobile Safari", "iOS", "mobile"),
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) {_SAFARI}",
            ("Mobile Safari", "iOS", "tablet"),
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", ("Firefox", "Linux", "desktop")),
        (f"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {_WEBKIT} Chrome/63 TV Safari/537.36", (None, "Tizen", "tv")),
        (f"Mozilla/5.0 (Linux; Android 9; CUBOT X19) {_WEBKIT} Chrome/120 Mobile Safari/537.36", (None, "Android", "mobile")),
    ],
)
def test_browsers_are_told_apart(agents: Agents, text: str, expected: tuple[str | None, str, str]) -> None:
    found = agents.judge(text)
    browser, system, device = expected
    assert (found.os, found.device, found.is_bot) == (system, device, False)
    assert browser is None or found.browser == browser


@pytest.mark.parametrize(
    "text",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"Mozilla/5.0 {_WEBKIT[:-1]}; compatible; ClaudeBot/1.0; +https://example.com)",
        "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 Mobile Safari/537.36 (compatible; Bytespider; x@example.com)",
        "facebookexternalhit/1.1",
        "Mozilla/5.0 (compatible; SomethingNewBot/0.1)",
    ],
)
def test_bots_are_flagged(agents: Agents, text: str) -> None:
    assert agents.judge(text).is_bot
    assert agents.judge(text).device == ""


@pytest.mark.parametrize(
    "text",
    ["curl/8.1", "python-requests/2.31", "axios/1.6", "okhttp/4.9", "Go-http-client/1.1", "Java/11", "Wget/1.21", "node"],
)
def test_http_libraries_are_no_bots(agents: Agents, text: str) -> None:
    assert not agents.judge(text).is_bot
    assert not is_browser_like(text)


def test_nothing_and_nonsense_say_nothing(agents: Agents) -> None:
    assert agents.judge("") == Agent()
    assert agents.judge("x" * 100_000) == Agent()
    assert agents.judge("\0\ud7ff\x7f") == Agent()
