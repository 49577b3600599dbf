"""Images that stand in for the stock ones, for an engine that can pull none: ``standins/Dockerfile``, on a Debian that
debootstrap makes from the packages of this machine's mirror, under the name that the project's own Dockerfile asks for."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support.docker_engine import PYTHON_IMAGE, DockerEngine
from tests.support.kafka_broker import LOGGING, copy_jars

_FOLDER: Final = Path(__file__).parent / "standins"
_ROOT: Final = Path(__file__).parents[2]
_SUITE: Final = "bookworm"
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP: Final = Path("/etc/pip.conf")
_ENVIRONMENT: Final = (
    f"ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin NODE_EXTRA_CA_CERTS={_CERTIFICATES}"
)
_DEBOOTSTRAP_SECONDS: Final = 600

NEIGHBOURS: Final = ("kafka", "clickhouse", "redis", "postgres", "prometheus", "gateway")
"""Services of ``docker-compose.yml`` that have one. Grafana has none: no registry of packages has it."""
_TARGETS: Final = {"gateway": "caddy"}


def make_python_image(engine: DockerEngine) -> None:
    """What stands in for the base image; the test is skipped where there are no packages for it."""
    assert engine.folder is not None
    root = engine.folder / "base"
    command = [
        "debootstrap",
        "--variant=minbase",
        "--include=ca-certificates,python3,python3-pip,python3-venv",
        _SUITE,
        str(root),
    ]
    done = subprocess.run([*command, *_mirror()], capture_output=True, text=True, timeout=_DEBOOTSTRAP_SECONDS, check=False)
    if done.returncode != 0:
        pytest.skip(f"no base image can be made: {(done.stdout + done.stderr).strip().splitlines()[-1:]}")
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()
    if _CERTIFICATES.exists():  # a network may have an authority of its own
        shutil.copy(_CERTIFICATES, root / "etc/ssl/certs")
    (root / "etc/pip.conf").write_text(_PIP.read_text() if _PIP.exists() else f"[global]\ncert = {_CERTIFICATES}\n")
    archive = engine.folder / "base.tar"
    try:
        subprocess.run(["tar", "--directory", root, "--create", "--file", archive, "."], check=True, timeout=300)
        engine.do("import", "--change", _ENVIRONMENT, str(archive), PYTHON_IMAGE, seconds=300)
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(root)


def make_neighbours(engine: DockerEngine, folder: Path) -> dict[str, str]:
    """Image names by service; ``millrace-test/standalone`` has to be there, as the warehouse is made of it.

    The test is skipped where Kafka's jars cannot be had.
    """
    if (tool := next((tool for tool in ("java", "mvn") if shutil.which(tool) is None), None)) is not None:
        pytest.skip(f"no container of Kafka: {tool} is not installed (packages default-jre-headless and maven)")
    try:
        copy_jars(folder / "kafka")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no container of Kafka: Maven cannot fetch it ({error.stdout.decode(errors='replace').strip()[:200]})")
    (folder / "log4j2.properties").write_text(LOGGING)
    for file in _FOLDER.iterdir():
        shutil.copy(file, folder)
    _copy(folder, ("tests/__init__.py", *(f"tests/support/{name}.py" for name in _of_the_warehouse())))
    names = {service: f"millrace-test/stand-in-{service}" for service in NEIGHBOURS}
    for service, name in names.items():
        engine.build(name, folder, folder / "Dockerfile", _TARGETS.get(service, service))
    return names


def _of_the_warehouse() -> Sequence[str]:
    return ("__init__", "clickhouse_server", "checker", "figures", "writers")


def _copy(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / name, folder / name)


def _mirror() -> Sequence[str]:
    """Where this machine has its packages from, when it is a Debian that says so; otherwise debootstrap knows one."""
    release = Path("/etc/os-release")
    if not release.exists() or not re.search(r"^ID=debian$", release.read_text(), re.MULTILINE):
        return ()
    for file in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("debian.*"))):
        pattern = r"^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(http\S+)"
        if file.exists() and (found := re.search(pattern, file.read_text(), re.MULTILINE)):
            return (found[1],)
    return ()
