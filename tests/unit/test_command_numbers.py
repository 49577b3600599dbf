"""Numbers on the command line: what is none is said in a line, before any server is asked."""

import click
import pytest
from click.testing import CliRunner

from millrace_standalone.commands.demo import demo
from millrace_standalone.commands.key import key


@pytest.mark.parametrize("given", ["nan", "inf", "-inf", "-1", "1e9", "soon"])
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (key, ("rotate", "0" * 16, "--overlap-hours")),
        (key, ("create", "shop", "--expires-days")),
        (demo, ("--days",)),
    ],
)
def test_what_is_no_number_of_the_range_is_refused(command: click.Command, arguments: tuple[str, ...], given: str) -> None:
    done = CliRunner().invoke(command, [*arguments, given])
    assert done.exit_code == 2, done.output
    assert f"Invalid value for '{arguments[-1]}'" in done.output
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize("given", ["0", "-0.0"])
def test_a_key_that_ends_at_once_is_none(given: str) -> None:
    done = CliRunner().invoke(key, ["create", "shop", "--expires-days", given])
    assert (done.exit_code, "Invalid value for '--expires-days'" in done.output) == (2, True)
