"""The servers the tests of images share, each started once in a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from . import servers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def ecr() -> Iterator[servers.Ecr]:
    """The emulated ECR; nothing in the environment points to it yet."""
    with servers.moto_ecr() as ecr:
        yield ecr


@pytest.fixture(scope="session")
def docker_registry(ecr: servers.Ecr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.DockerRegistry]:
    """A registry that lets in who has a token of that ECR."""
    with servers.docker_registry(tmp_path_factory.mktemp("registry"), "AWS", ecr.password) as registry:
        yield registry


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DOCKER_HOST of a Docker daemon of its own."""
    with servers.dockerd(tmp_path_factory.mktemp("dockerd")) as address:
        yield address


@pytest.fixture(scope="session")
def builder_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This machine's environment, in which buildah and podman have storage of their own and docker no daemon."""
    folder = tmp_path_factory.mktemp("storage")
    return {**os.environ, **servers.storage_environment(folder), "DOCKER_HOST": f"unix://{folder}/no-daemon"}
