"""What the machine gives to this process: room on the disk, and memory."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from millrace_core import metrics as names
from millrace_service.metrics import Metrics

_GROUPS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


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
    # Asked each time: a container may be given more, and a process may come into a group.
    metrics.gauge(names.MEMORY_LIMIT).set_function(lambda: memory_limit(limit_files(_OWN, _GROUPS)))
    metrics.gauge(names.BUILD_INFO, version).set(1)


def limit_files(own: Path, root: Path) -> list[Path]:
    """Where limits of memory may stand that hold for this process: its control group's and those around it, of the second and
    of the first version (man 7 cgroups). In a container the outermost of them is the container's own.

    Args:
        own: as ``/proc/self/cgroup``: which group the process is in, by hierarchy.
        root: where the hierarchies are mounted.
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        return []
    found = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" or "memory" in controllers.split(","):
            top, name = (root, "memory.max") if number == "0" else (root / "memory", "memory.limit_in_bytes")
            group = top / path.lstrip("/")
            found += [each / name for each in (group, *group.parents) if each.is_relative_to(top)]
    return found


def memory_limit(files: Iterable[Path]) -> int:
    """In bytes: the least that one of these files names, or the machine's memory where none names less."""
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in files:
        try:
            said = file.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if said.isdigit():  # or the word max; version 1 names a number beyond any machine
            limit = min(limit, int(said))
    return limit


def _nearest(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())
