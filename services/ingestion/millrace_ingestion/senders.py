"""Who sends: what a request's headers and connection say about the client, before any event is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

import msgspec

from millrace_core.access import ALL_TENANTS
from millrace_core.errors import InvalidInput
from millrace_core.events import Arrival, part_of_line
from millrace_core.time import warehouse_time
from millrace_ingestion.enrich.addresses import Network, client_address, cut_address, is_trusted, parse_address
from millrace_ingestion.enrich.agents import UNKNOWN, Agents, is_browser_like
from millrace_ingestion.enrich.languages import language_of
from millrace_ingestion.keys import Grant
from millrace_ingestion.settings import IngestionSettings

Headers = Mapping[bytes, bytes]

_OPEN: Final = Grant(ALL_TENANTS)
_LONGEST_KEY: Final = 255
_LONGEST_HOPS: Final = 512
"""Bytes of ``X-Forwarded-For`` that are read, from its end, where the hops that can be believed are."""


@dataclass(slots=True)
class Sender:
    """What is the same for every event of a request."""

    received_at: int
    """Milliseconds since the epoch."""
    arrival: Arrival
    idempotency_key: str = ""
    id_kind: str = "client_event_id"
    """What the clients' ids are, where they are no UUIDs."""
    may_be_nobody: bool = False
    """Whether events without any id of a person are stored: other protocols than ours have such."""
    tenant: str = ""
    """Whose the events are by the key that they came with; empty where each says it itself."""
    objects: bool = False
    """Whether the browser says that its user does not want to be followed."""
    is_anonymous: bool = False
    """Whether nothing of who it was is stored."""
    refused_of: str = ""
    """Whose events are counted that are refused: the key's tenant, whatever they say; empty where each says it itself."""
    arrival_text: bytes = field(init=False)
    """The arrival's part of a line."""
    _texts: dict[tuple[str, str, str], bytes] = field(init=False, default_factory=dict)
    _filtered: dict[tuple[bool, bool], "Sender"] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.arrival_text = part_of_line(self.arrival)

    def arrival_with(self, ip: str, language: str, user_agent: str, agents: Agents) -> bytes:
        """The arrival's part of a line for an event that says more of its client than the request does."""
        key = (ip, language, user_agent)
        text = self._texts.get(key)
        if text is None:
            said: dict[str, Any] = agents.judge(user_agent)._asdict() if user_agent else {}
            if ip:
                said["ip"] = ip
            if language:
                said["language"] = language
            text = self._texts[key] = part_of_line(msgspec.structs.replace(self.arrival, **said)) if said else self.arrival_text
        return text

    def filtered(self, *, without_address: bool, is_anonymous: bool) -> "Sender":
        """The sender of an event that was filtered."""
        made = self._filtered.get((without_address, is_anonymous))
        if made is None:
            arrival = msgspec.structs.replace(self.arrival, ip="") if without_address else self.arrival
            made = self._filtered[without_address, is_anonymous] = replace(
                self, arrival=arrival, may_be_nobody=True, is_anonymous=is_anonymous
            )
        return made


class Senders:
    """Reads senders, believing the proxies of the settings."""

    def __init__(self, settings: IngestionSettings, agents: Agents) -> None:
        self._agents = agents
        self._trusted: Sequence[Network] = settings.trusted_proxies
        self._country_header = settings.ingest_country_header.lower().encode("latin-1")
        self._address_of = lru_cache(maxsize=8192)(self._find_address)

    def sender(
        self, scope: Mapping[str, Any], headers: Headers, received_at: int, protocol: str, grant: Grant = _OPEN
    ) -> Sender:
        """The sender of this request.

        Args:
            grant: what its key allows.

        Raises:
            InvalidInput: ``invalid_idempotency_key``.
        """
        ip, is_proxied = self._address_of(*_hops(scope, headers))
        text = headers.get(b"user-agent", b"").decode("latin-1")
        agent = self._agents.judge(text) if is_browser_like(text) else UNKNOWN
        arrival = Arrival(
            received_at=warehouse_time(received_at),
            protocol=protocol,
            key_id=grant.key_id,
            country=_country(headers.get(self._country_header)) if is_proxied else "",
            language=language_of(headers.get(b"accept-language", b"")[:64].decode("latin-1")),
            device=agent.device,
            browser=agent.browser,
            os=agent.os,
            is_bot=agent.is_bot,
            ip=ip,
        )
        tenant = "" if grant.tenant == ALL_TENANTS else grant.tenant
        key, objects = _idempotency_key(headers.get(b"idempotency-key")), _objects(headers)
        return Sender(received_at, arrival, key, tenant=tenant, refused_of=tenant, objects=objects)

    def foreign_sender(
        self, scope: Mapping[str, Any], headers: Headers, received_at: int, protocol: str, grant: Grant, id_kind: str
    ) -> Sender:
        """The sender of a request of another protocol. Where no browser sends, address, country and language are those of
        somebody's server, and are left out: what an event itself says of its client still holds.

        Args:
            grant: of the key that the events came with.
            id_kind: of the events' ids.

        Raises:
            InvalidInput: ``invalid_idempotency_key``.
        """
        told = self.sender(scope, headers, received_at, protocol)
        of_browser = b"origin" in headers or is_browser_like(headers.get(b"user-agent", b"").decode("latin-1"))
        arrival = msgspec.structs.replace(
            told.arrival, key_id=grant.key_id, **({} if of_browser else {"ip": "", "country": "", "language": ""})
        )
        tenant = "" if grant.tenant == ALL_TENANTS else grant.tenant
        key = told.idempotency_key
        return Sender(received_at, arrival, key, id_kind, may_be_nobody=True, refused_of=tenant, objects=told.objects)

    def address(self, scope: Mapping[str, Any], headers: Headers) -> str:
        """The client's address, whole: never to be stored. Empty where it is not known."""
        peer, forwarded = _hops(scope, headers)
        return str(client_address(peer, forwarded.decode("latin-1"), self._trusted) or "")

    def _find_address(self, peer: str, forwarded: bytes) -> tuple[str, bool]:
        """The client's address, cut, and whether a trusted proxy stands before us."""
        is_proxied = is_trusted(parse_address(peer), self._trusted)
        address = client_address(peer, forwarded.decode("latin-1"), self._trusted)
        return (cut_address(str(address)) if address else ""), is_proxied


def _objects(headers: Headers) -> bool:
    """Global Privacy Control and Do Not Track, which browsers alone send."""
    return headers.get(b"sec-gpc") == b"1" or headers.get(b"dnt") == b"1"


def _hops(scope: Mapping[str, Any], headers: Headers) -> tuple[str, bytes]:
    """The peer, and the end of what proxies say of whom they speak for."""
    client = scope.get("client")
    forwarded = b",".join(_all(scope, b"x-forwarded-for"))[-_LONGEST_HOPS:] if b"x-forwarded-for" in headers else b""
    return client[0] if client else "", forwarded


def _all(scope: Mapping[str, Any], name: bytes) -> list[bytes]:
    return [value for header, value in scope["headers"] if header == name]


def _country(header: bytes | None) -> str:
    """A country's two letters; ``XX`` and ``T1`` (Tor) are how proxies say that they do not know."""
    code = (header or b"").decode("latin-1").strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() and code != "XX" else ""


def _idempotency_key(header: bytes | None) -> str:
    if header is None:
        return ""
    key = header.decode("latin-1").strip()
    if not key or len(key) > _LONGEST_KEY or not key.isprintable():
        raise InvalidInput(
            f"Idempotency-Key has to be 1 to {_LONGEST_KEY} printable characters", code="invalid_idempotency_key"
        )
    return key
