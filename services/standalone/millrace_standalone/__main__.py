"""The ``millrace`` command."""

import sys

import click

from millrace_core.errors import MillraceError
from millrace_standalone.commands.demo import demo
from millrace_standalone.commands.dlq import dlq
from millrace_standalone.commands.import_file import import_file
from millrace_standalone.commands.rebuild import audit, rebuild
from millrace_standalone.commands.status import status
from millrace_standalone.commands.up import up
from millrace_standalone.commands.version import version


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="millrace")
def millrace() -> None:
    """Event analytics that never loses or doubles an accepted event."""


for _command in (up, demo, import_file, status, dlq, rebuild, audit, version):
    millrace.add_command(_command)


def main() -> None:
    """Run the command; what is refused is one line and exit code 2."""
    try:
        millrace()
    except MillraceError as error:
        sys.stderr.write(f"millrace: {error.message}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
