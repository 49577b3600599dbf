"""IP addresses: whom a request comes from, and cutting them so that none is stored whole."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=8192)
def cut_address(text: str) -> str:
    """The address cut to its /24 (IPv4) or /48 (IPv6) network; empty when the text is no address.

    A port, brackets and a zone are left out: ``[2001:db8:1:2::3]:443`` is ``2001:db8:1::``.
    """
    address = parse_address(text)
    if address is None:
        return ""
    length = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, length), strict=False).network_address)


def cut_addresses(text: str) -> str:
    """Text from a field that is named for addresses: each address in a list with commas is cut, the rest stays."""
    if len(text) > 4096:
        return ""
    return ", ".join(cut_address(part.strip()[:64]) or _unless_long_digits(part.strip()) for part in text.split(","))


def _unless_long_digits(part: str) -> str:
    """A word (``unknown``) stays; what still looks like an address in a form nobody reads does not."""
    return "" if part.count(".") >= 3 or part.count(":") >= 2 else part


def parse_address(text: str) -> Address | None:
    """The address that a header or a field names, or None."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # an IPv4 address with a port
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> Address | None:
    """Who sent the request: the peer, unless it is a trusted proxy; then the last hop of ``X-Forwarded-For`` that is not one.

    Each proxy appends the address that it saw, so only entries right of the first untrusted one can be believed.
    """
    address = parse_address(peer)
    for hop in reversed(forwarded.split(",") if forwarded else ()):
        if not is_trusted(address, trusted):
            break
        behind = parse_address(hop)
        if behind is None:
            break
        address = behind
    return address


def is_trusted(address: Address | None, trusted: Sequence[Network]) -> bool:
    """Whether this is the address of one of our own proxies."""
    return address is not None and any(address in network for network in trusted)
