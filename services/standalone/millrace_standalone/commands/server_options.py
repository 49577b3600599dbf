"""Which server a command speaks to: the one of a data folder, or any by its URL."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
import httpx

from millrace_core.errors import InvalidInput
from millrace_standalone.admin_client import AdminClient
from millrace_standalone.server_file import NoServer, RunningServer, running_server
from millrace_standalone.settings import StandaloneSettings

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class Folder(click.Path):
    """A folder that is there or not. An empty name would be the one that the command is typed in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not str(value).strip():
            self.fail("it is empty: name a folder", param, ctx)
        return super().convert(value, param, ctx)


_FOLDER = Folder(file_okay=False, path_type=Path)
data_dir_option = click.option("--data-dir", type=_FOLDER, help="The server's folder (MILLRACE_DATA_DIR, data).")
_AnyCommand = TypeVar("_AnyCommand", bound=Callable[..., None])


def listening(port: int) -> Callable[[_AnyCommand], _AnyCommand]:
    """For a command that is a server: adds ``--host``, ``--port`` and ``--data-dir``.

    Args:
        port: where it listens if nothing else is said.
    """
    host_option = click.option("--host", help="Address to listen on (MILLRACE_HOST, 127.0.0.1).")
    port_option = click.option("--port", type=int, help=f"Port to listen on (MILLRACE_PORT, {port}).")
    folder_option = click.option("--data-dir", type=_FOLDER, help="Folder of everything (MILLRACE_DATA_DIR, data).")

    def with_options(command: _AnyCommand) -> _AnyCommand:
        return host_option(port_option(folder_option(command)))

    return with_options


url_option = click.option("--url", help="A server's URL, instead of the one that runs on the data folder.")
key_option = click.option("--key", envvar="MILLRACE_KEY", help="Key for the server at --url.")


def needs_admin(command: Callable[Concatenate[AdminClient, _Given], _Result]) -> Callable[..., _Result]:
    """For a command on the running server: adds ``--data-dir``, ``--url`` and ``--key``, and gives it the client."""

    @data_dir_option
    @url_option
    @key_option
    @functools.wraps(command)
    def with_client(
        data_dir: Path | None, url: str | None, key: str | None, *args: _Given.args, **given: _Given.kwargs
    ) -> _Result:
        if url is None:
            server = _server_on(data_dir)
            url, key = server.url, server.token
        with AdminClient(checked_url(url), checked_key(key or "")) as client:
            return command(client, *args, **given)

    return with_client


def server_url(data_dir: Path | None, url: str | None) -> str:
    """The URL that was given, else that of the server on the data folder."""
    return checked_url(url) if url is not None else _server_on(data_dir).url


def _server_on(data_dir: Path | None) -> RunningServer:
    """The server on the data folder, for a command that may be told another one's URL."""
    try:
        return running_server(folder(data_dir))
    except NoServer as error:
        raise NoServer(f"{error.message}, or name one with --url") from None


def checked_url(url: str) -> str:
    """The URL without a slash at its end.

    Raises:
        InvalidInput: it is none that a server can have.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidInput(f"{url} is no URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidInput(f"{url} is no URL of a server: it begins with http:// or https:// and names a host")
    return url.rstrip("/")


def checked_key(key: str) -> str:
    """The key.

    Raises:
        InvalidInput: no header can hold it.
    """
    if not (key.isascii() and key.isprintable()):
        raise InvalidInput("a key has plain letters, digits and signs only")
    return key


def folder(data_dir: Path | None) -> Path:
    """The data folder that was given, else the one of the settings."""
    return StandaloneSettings.load(data_dir=data_dir).data_dir
