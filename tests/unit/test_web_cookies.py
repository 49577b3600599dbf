"""One cookie of a request, whatever else is in the header."""

import pytest

from millrace_web.access import cookie_in
from tests.support.access import ODD_COOKIES


@pytest.mark.parametrize("odd", ODD_COOKIES)
def test_a_cookie_is_found_beside_those_of_other_applications(odd: str) -> None:
    for text in (f"{odd}; own=a.b-c_d", f"own=a.b-c_d; {odd}", f"{odd};own=a.b-c_d;{odd}"):
        assert cookie_in({b"cookie": text.encode()}, "own") == "a.b-c_d", text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("own", ""),
        ("own=", ""),
        ("owner=x; not own=y", ""),
        ('own="quoted"', "quoted"),
        ("own=a=b", "a=b"),
        ("own=of the longest path; own=of the root", "of the longest path"),
    ],
)
def test_a_cookie_is_what_was_sent_under_its_name(text: str, found: str) -> None:
    assert cookie_in({b"cookie": text.encode()}, "own") == found


def test_without_the_header_there_is_no_cookie() -> None:
    assert cookie_in({}, "own") == ""
