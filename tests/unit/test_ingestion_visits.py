"""Pages, referrers, campaigns and channels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_ingestion.enrich.languages import language_of
from millrace_ingestion.enrich.pages import NOWHERE, Campaign, page_of, same_site
from millrace_ingestion.enrich.visits import campaign_of_context, campaign_of_properties, visit_of

_SITE = "https://shop.example.com/a"


@pytest.mark.parametrize(
    ("page_url", "referrer", "channel"),
    [
        (_SITE, "", "direct"),
        ("", "", ""),
        ("", "https://www.google.com/", "organic search"),
        (_SITE, "https://google.com", "organic search"),
        (_SITE, "https://www.google.co.uk/search?q=x", "organic search"),
        (_SITE, "https://duckduckgo.com/", "organic search"),
        (_SITE, "https://de.search.yahoo.com/search", "organic search"),
        (_SITE, "android-app://com.google.android.googlequicksearchbox/", "organic search"),
        (_SITE, "https://googlegroups.example/", "referral"),
        (_SITE, "https://notgoogle.com/", "referral"),
        (_SITE, "https://google.com.evil.example/", "referral"),
        (_SITE, "https://t.co/abc", "social"),
        (_SITE, "https://l.facebook.com/l.php", "social"),
        (_SITE, "https://old.reddit.com/r/x", "social"),
        (_SITE, "https://mail.google.com/", "email"),
        (_SITE, "https://chatgpt.com/", "ai assistant"),
        (_SITE, "https://news.example.org/post", "referral"),
        (_SITE, "https://shop.example.com/b", ""),
        (_SITE, "https://www.example.com/", ""),
        ("https://a.co.uk/", "https://b.co.uk/", "referral"),
        (f"{_SITE}?gclid=1", "https://google.com", "paid search"),
        (f"{_SITE}?ttclid=1", "", "paid social"),
        (f"{_SITE}?dclid=1", "", "display"),
        (f"{_SITE}?utm_source=google&utm_medium=cpc", "", "paid search"),
        (f"{_SITE}?utm_source=Facebook&utm_medium=CPC", "", "paid social"),
        (f"{_SITE}?utm_source=x&utm_medium=paid_social", "", "paid social"),
        (f"{_SITE}?utm_medium=Email", "https://google.com", "email"),
        (f"{_SITE}?utm_medium=banner", "", "display"),
        (f"{_SITE}?utm_medium=affiliate", "", "affiliate"),
        (f"{_SITE}?utm_medium=social", "", "social"),
        (f"{_SITE}?utm_medium=organic", "", "organic search"),
        (f"{_SITE}?utm_medium=referral", "", "referral"),
        (f"{_SITE}?utm_medium=qr", "", "campaign"),
        (f"{_SITE}?utm_source=newsletter", "", "email"),
        (f"{_SITE}?utm_source=linkedin", "", "social"),
        (f"{_SITE}?utm_source=bing", "", "organic search"),
        (f"{_SITE}?utm_campaign=spring", "", "campaign"),
    ],
)
def test_the_channel(page_url: str, referrer: str, channel: str) -> None:
    assert visit_of(page_url, referrer, "").channel == channel


def test_what_a_page_and_a_referrer_say() -> None:
    visit = visit_of(
        "https://WWW.Example.com/a/b?utm_source=s%20x&UTM_MEDIUM=m&utm_campaign=c&utm_term=t&utm_content=d#f", "", ""
    )
    assert visit.page_path == "/a/b"
    assert (visit.utm_source, visit.utm_medium, visit.utm_campaign, visit.utm_term, visit.utm_content) == (
        "s x",
        "m",
        "c",
        "t",
        "d",
    )
    assert visit_of("", "https://www.News.example.org:8443/x", "").referrer_domain == "news.example.org"


def test_the_page_that_the_client_names_wins() -> None:
    assert visit_of("https://example.com/a", "", "/named").page_path == "/named"


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("/pricing?x=1", "", "/pricing"),
        ("example.com/pricing", "example.com", "/pricing"),
        ("https://example.com", "example.com", "/"),
        ("//example.com/x", "example.com", "/x"),
        ("about:blank", "", "blank"),
    ],
)
def test_short_forms_of_addresses(url: str, host: str, path: str) -> None:
    assert (page_of(url).host, page_of(url).path) == (host, path)


def test_an_address_that_cannot_be_read_says_nothing() -> None:
    assert page_of("http://[::1") == NOWHERE


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=50))
def test_no_text_fails(page_url: str, referrer: str, page: str) -> None:
    visit_of(page_url, referrer, page)
    visit_of(f"https://e.example/?{page_url}", f"https://{referrer}", page)


def test_campaign_fields_are_taken_from_properties_then_from_context() -> None:
    context = {"campaign": {"source": "ctx", "name": "n", "medium": 5}}
    assert campaign_of_properties({"utm_source": " own "}) == Campaign(source="own")
    assert campaign_of_properties({"source": "x"}) is None
    assert campaign_of_context(context) == Campaign(source="ctx", name="n")
    assert campaign_of_context({"campaign": "x"}) is None
    assert visit_of(_SITE, "", "", Campaign(medium="email")).channel == "email"
    assert visit_of(f"{_SITE}?utm_source=url", "", "", Campaign(source="other")).utm_source == "url"


def test_same_site_is_the_registrable_part() -> None:
    assert same_site("a.example.com", "example.com")
    assert same_site("a.example.co.uk", "b.example.co.uk")
    assert not same_site("a.co.uk", "b.co.uk")
    assert not same_site("10.0.0.1", "11.0.0.1")
    assert same_site("localhost", "localhost")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de-AT"),
        ("EN_us.UTF-8", "en-US"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("fr", "fr"),
        ("*", ""),
        ("", ""),
        ("not a language", ""),
        ("x" * 1000, ""),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language
