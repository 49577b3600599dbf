"""The base of every service's settings: one frozen class, read once from the environment, passed from then on."""

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from millrace_core.errors import StartRefused

PREFIX = "MILLRACE_"
_Entry = TypeVar("_Entry")


def _entries(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    if not given.lstrip().startswith("["):
        return [entry for part in given.split(",") if (entry := part.strip())]
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise ValueError('allowed is a list with commas (`a, b`), or one in JSON (`["a", "b"]`)') from None


Listed = Annotated[list[_Entry], NoDecode, BeforeValidator(_entries)]
"""A setting of several entries: with commas between them, or as JSON."""
_Origin = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^\s/,]+)$")]
_Host = Annotated[str, StringConstraints(pattern=r"^(\*|\[[0-9a-fA-F:.]+\]|[^\s/:,\[\]]+)$")]


class Settings(BaseSettings):
    """Reads ``MILLRACE_<NAME>``. Each field has a description: docs/reference/settings.md is generated from them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", validate_default=True)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the environment; what is given (from the command line) wins over it.

        Raises:
            StartRefused: naming each wrong setting, its value and what is allowed.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise StartRefused("\n".join(_explain(item) for item in error.errors())) from error


def _explain(item: Any) -> str:
    name = PREFIX + str(item["loc"][0]).upper() if item["loc"] else "settings"
    if not item["loc"]:
        return str(item["msg"]).removeprefix("Value error, ")
    return f"{name}={item['input']!s}: {item['msg'].removeprefix('Value error, ')}"


class ServerSettings(Settings):
    """What every process that listens has."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(
        8080,
        ge=0,
        le=65535,
        description="Port to listen on; 0 takes a free one. Ingestion alone has 8000, analytics 8001, a consumer 8002.",
    )
    data_dir: Path = Field(Path("data"), description="Folder of everything that the embedded size stores.")
    auth: Literal["open", "required"] | None = Field(
        None,
        description="Who may do what. `open` trusts whoever reaches the port; it is the default on loopback, and has to be "
        "said where the address is not loopback. `required` asks for a key or a login, which say whose data it is about.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`json` is one object a line; `console` is for people; `auto` is console on a terminal."
    )
    cors_origins: Listed[_Origin] = Field(
        [],
        description="Origins that may read answers in a browser (`https://app.example.com, https://b.example.com`); `*` is "
        "every one. Ingestion routes answer every origin.",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$",
        description="Where people reach the server, for the links that it makes. Without it they are of the address that it "
        "listens on.",
        examples=["https://analytics.example.com"],
    )
    allowed_hosts: Listed[_Host] = Field(
        [],
        description="Host names, without ports, that are answered besides `localhost` and the loopback addresses "
        "(`a.example.com, b.example.com`); `*` is every name. Without it a server that listens on another address than "
        "loopback answers every name.",
    )
    request_head_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="How long a client may take to send the head of a request; then its connection is closed.",
    )
    shutdown_seconds: float = Field(
        8.0,
        gt=0,
        le=60,
        description="How long a stopping process may take to finish what it has begun; two seconds later it ends, whatever it "
        "waits for.",
    )

    @field_validator("data_dir", mode="before")
    @classmethod
    def _folder_is_named(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():  # a path of no name is the folder in which the command is typed
            raise ValueError("it is empty: name a folder, as ./data")
        return value

    @property
    def requires_keys(self) -> bool:
        """Whether nobody is let in without a credential."""
        return self.auth == "required"

    @model_validator(mode="after")
    def _address_is_meant(self) -> Self:
        if self.auth is None and not is_loopback(self.host):
            raise ValueError(
                f"{PREFIX}HOST={self.host} is reachable from other machines: set {PREFIX}AUTH=required to ask for keys, "
                f"{PREFIX}AUTH=open to let everyone who reaches it in, or listen on 127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_url(text: str | None) -> SplitResult:
    """A URL taken apart; what is none has no scheme."""
    try:
        return urlsplit(text or "")
    except ValueError:
        return urlsplit("")


def names_host(url: SplitResult) -> bool:
    """Whether a URL names a host, and no port that there cannot be."""
    try:
        return bool(url.hostname) and url.port != 0
    except ValueError:
        return False
