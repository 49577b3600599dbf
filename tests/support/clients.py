"""Many clients at once: how many a test has, and whether the system lets it."""

import os
import resource

import pytest


def many(usual: int) -> int:
    """How many clients: the usual number, or what ``MILLRACE_TEST_CLIENTS`` says. Their sockets may be opened, also by a server
    that is started from now on; the test is skipped where the system allows too few."""
    wanted = int(os.environ.get("MILLRACE_TEST_CLIENTS", usual))
    needed = 2 * wanted + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            pytest.skip(f"{wanted} clients need {needed} open files a process, the system allows {hard} (ulimit -Hn)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return wanted
