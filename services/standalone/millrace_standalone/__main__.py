"""The ``millrace`` command."""

import importlib
import sys
from typing import Final

import click

from millrace_core.errors import MillraceError

_COMMANDS: Final = {
    "up": "up.up",
    "ingestion": "services.ingestion",
    "consumer": "services.consumer",
    "analytics": "services.analytics",
    "demo": "demo.demo",
    "import": "import_file.import_file",
    "status": "status.status",
    "dlq": "dlq.dlq",
    "tenant": "tenant.tenant",
    "key": "key.key",
    "user": "user.user",
    "changes": "changes.changes",
    "privacy": "privacy.privacy",
    "rebuild": "rebuild.rebuild",
    "audit": "rebuild.audit",
    "migrate": "migrate.migrate",
    "move": "move.move",
    "backup": "backup.backup",
    "restore": "backup.restore",
    "version": "version.version",
}
"""Where each command is. Only the one that is asked for is imported: the server's libraries take a second."""


class _Commands(click.Group):
    """The commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Their names, the most used first."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """The command of this name."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(".")
        command: click.Command = getattr(importlib.import_module(f"millrace_standalone.commands.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="millrace")
def millrace() -> None:
    """Event analytics that never loses or doubles an accepted event."""


def main() -> None:
    """Run the command; what is refused is one line and exit code 2."""
    try:
        millrace()
    except MillraceError as error:
        sys.stderr.write(f"millrace: {error.message}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
