"""IP addresses: cut, and believed only where a trusted proxy says them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_ingestion.enrich.addresses import client_address, cut_address, cut_addresses

_PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("203.0.113.77:4711", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("[2001:db8:1:2::3]:443", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("unknown", ""),
        ("", ""),
        ("999.1.1.1", ""),
    ],
)
def test_an_address_is_cut(text: str, cut: str) -> None:
    assert cut_address(text) == cut


@given(st.ip_addresses())
def test_no_address_keeps_its_last_bits(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    cut = ipaddress.ip_address(cut_address(str(address)))
    assert int(cut) % (2**8 if cut.version == 4 else 2**80) == 0


def test_a_list_is_cut_address_by_address_and_words_stay() -> None:
    assert cut_addresses("203.0.113.77, unknown,2001:db8::1") == "203.0.113.0, unknown, 2001:db8::"
    assert cut_addresses("203.0.113.077") == ""


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: str, client: str) -> None:
    assert str(client_address(peer, forwarded, _PROXIES)) == client


def test_without_an_address_there_is_none() -> None:
    assert client_address("", "203.0.113.9", _PROXIES) is None
