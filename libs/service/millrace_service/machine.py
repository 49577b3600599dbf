"""What the machine gives to this process: room on the disk, and memory."""

import os
from pathlib import Path
from typing import Final

from millrace_core import metrics as names
from millrace_service.metrics import Metrics

_CGROUPS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Of a container, in the second and the first version of control groups (man 7 cgroups)."""


def tell_machine(metrics: Metrics, data_dir: Path, version: str) -> None:
    """Add what is asked at each scrape. A folder that is not there yet is told of its nearest parent."""
    folder = data_dir.absolute()

    def free() -> float:
        found = os.statvfs(_nearest(folder))
        return float(found.f_bavail * found.f_frsize)

    def size() -> float:
        found = os.statvfs(_nearest(folder))
        return float(found.f_blocks * found.f_frsize)

    metrics.gauge(names.DISK_FREE).set_function(free)
    metrics.gauge(names.DISK_SIZE).set_function(size)
    metrics.gauge(names.MEMORY_LIMIT).set(memory_limit(_CGROUPS))
    metrics.gauge(names.BUILD_INFO, version).set(1)


def memory_limit(groups: tuple[Path, ...]) -> int:
    """In bytes: of the first of these files that names one below the machine's memory, else that."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for group in groups:
        try:
            said = group.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if said.isdigit():  # or the word max; version 1 names a number beyond any machine
            return min(machine, int(said))
    return machine


def _nearest(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())
