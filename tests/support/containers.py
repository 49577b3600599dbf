"""Fixtures of tests in containers: an engine, the project's images, the compose project; made once a run and taken away."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.compose import ComposeProject, images_of_the_project
from tests.support.docker_engine import DockerEngine, docker_engine
from tests.support.stand_ins import NEIGHBOURS, make_neighbours, make_python_image

_ROOT: Final = Path(__file__).parents[2]
TARGETS: Final = ("ingestion", "consumer", "analytics", "standalone")


@pytest.fixture(scope="session")
def docker() -> Iterator[DockerEngine]:
    """One that has the base image of ``deploy/Dockerfile``, or one that stands in for it."""
    with docker_engine() as running:
        if not running.pulls:
            make_python_image(running)
        yield running


@pytest.fixture(scope="session")
def images(docker: DockerEngine) -> dict[str, str]:
    """Names of the four, by target, all built."""
    names = {target: f"millrace-test/{target}" for target in TARGETS}
    for target, name in names.items():
        docker.build(name, _ROOT, _ROOT / "deploy/Dockerfile", target)
    return names


@pytest.fixture(scope="module")
def project(docker: DockerEngine, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeProject]:
    """The compose project, up. Grafana is in it where its image can be pulled."""
    folder = tmp_path_factory.mktemp("compose")
    chosen = images_of_the_project(images)
    left_out = frozenset[str]()
    if not docker.pulls:
        chosen |= make_neighbours(docker, tmp_path_factory.mktemp("stand-ins"))
        left_out = frozenset({"grafana"})
        assert not left_out & set(NEIGHBOURS)
    project = ComposeProject(docker, folder, f"millrace-test-{os.getpid()}", chosen, left_out)
    try:
        project.up()
        project.wait_until_healthy(*(service for service in project.started if service != "migrate"))
        yield project
    finally:
        project.down()
