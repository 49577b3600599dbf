"""``millrace backup`` and ``millrace restore``: everything that ``millrace up`` stores, in a folder, and back."""

from pathlib import Path

import click

from millrace_standalone.admin_client import AdminClient
from millrace_standalone.backup import EVENTS
from millrace_standalone.commands.server_options import Folder, data_dir_option, folder
from millrace_standalone.process import version
from millrace_standalone.restoring import restore as put_back
from millrace_standalone.server_file import running_server

_MIB = 2**20


@click.command()
@click.argument("to", type=Folder(file_okay=False, path_type=Path), metavar="FOLDER")
@data_dir_option
def backup(to: Path, data_dir: Path | None) -> None:
    """Put everything that the running server stores into FOLDER, which has to be new or empty.

    The server goes on; inserts wait while its log is copied. On the same disk the events are hard links, and take no room:
    take the folder elsewhere from there.
    """
    server = running_server(folder(data_dir))
    with AdminClient(server.url, server.token) as client:
        made = client.backup(to.absolute())
    click.echo(
        f"{made['rows'][EVENTS]:,} stored events, and the log; {made['files']:,} files, {made['bytes'] / _MIB:,.1f} MiB "
        f"in {to}. Inserts waited for {made['inserts_waited_seconds']:.3f} s."
    )


@click.command()
@click.argument("backup_folder", type=Folder(file_okay=False, exists=True, path_type=Path), metavar="FOLDER")
@data_dir_option
def restore(backup_folder: Path, data_dir: Path | None) -> None:
    """Put a backup into the data folder, which has to be new or empty; then start `millrace up` on it.

    Every file is compared with what it was when the backup was made, and the rows that the engine finds are counted. The backup
    stays as it is.
    """
    to = folder(data_dir)
    manifest = put_back(backup_folder, to, version())
    click.echo(
        f"{manifest.rows[EVENTS]:,} stored events, and the log, of {manifest.made_at}: {len(manifest.files):,} files, "
        f"{manifest.bytes / _MIB:,.1f} MiB are in {to}."
    )
