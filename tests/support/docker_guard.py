"""A private Docker engine that leaves nothing behind: ``python -m tests.support.docker_guard DIR``.

Runs dockerd in the folder until its standard input ends, which it does with the tests, whatever ended them; then takes away the
containers, the networks' devices, the engine, what it has mounted, and the folder.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_STOP_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 1.0


def _command(folder: Path) -> Sequence[str]:
    return (
        *("dockerd", "--host", f"unix://{folder}/docker.sock", "--pidfile", f"{folder}/pid"),
        *("--data-root", f"{folder}/root", "--exec-root", f"{folder}/exec", "--storage-driver=overlay2"),
        *("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
    )


def _docker(folder: Path, *arguments: str) -> str:
    command = ("docker", "--host", f"unix://{folder}/docker.sock", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=_STOP_SECONDS, check=False).stdout


def _until_the_tests_end(process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        if select.select([sys.stdin], [], [], _LOOK_SECONDS)[0] and not os.read(sys.stdin.fileno(), 1):
            return


def _end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    if process.poll() is None:
        if left := _docker(folder, "ps", "--all", "--quiet").split():
            _docker(folder, "rm", "--force", "--volumes", *left)
        _docker(folder, "network", "prune", "--force")
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with the containerd that it has started
        process.wait(_STOP_SECONDS)


def _clear(folder: Path) -> None:
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((point for point in mounted if point.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    shutil.rmtree(folder)


def main(folder: Path) -> None:
    """Run the engine; its last words go to standard error where it ends by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(_command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        _until_the_tests_end(process)
        if process.poll() is not None:
            sys.stderr.writelines((folder / "log").read_text(errors="replace").splitlines(keepends=True)[-1:])
    finally:
        _end(process, folder)
        _clear(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
