"""The servers the tests of images share, each started once in a run."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest

from biot_provider.emulator import Platform

from . import servers
from .declared import Images
from .memory_registry import MemoryRegistry, memory_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def ecr() -> Iterator[servers.Ecr]:
    """The emulated ECR; nothing in the environment points to it yet."""
    with servers.moto_ecr() as ecr:
        yield ecr


_OF_BUILDERS = frozenset({"docker_registry", "dockerd", "builder_environment", "builder"})


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark each test that runs a program of the system: `make test` leaves it out, `make test-all` does not."""
    if _OF_BUILDERS & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.needs_builders)


@pytest.fixture
def registry(ecr: servers.Ecr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryRegistry]:
    """A registry in memory that lets in who has a token of that ECR."""
    token = base64.b64encode(f"AWS:{ecr.password}".encode()).decode()
    with memory_registry(tmp_path_factory.mktemp("trust"), f"Basic {token}") as registry:
        yield registry


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


@pytest.fixture
def images(tmp_path: Path) -> Iterator[Images]:
    """A provider process on a platform of its own, whose registry takes the images."""
    data, folder = tmp_path / "platform", tmp_path / "project"
    folder.mkdir()
    with Platform(data) as platform:
        yield Images.on(platform, data, folder)


@pytest.fixture(scope="session")
def base_image(tmp_path_factory: pytest.TempPathFactory, builder_environment: dict[str, str]) -> Path:
    """A small base image in skopeo's layout, made by another tool than ours."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "runtime").write_text("runtime")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY runtime /opt/\nENV LANG=C.UTF-8\n")
    build = ["buildah", "build", "-q", "--format", "docker", "--tag", "localhost/base", str(folder)]
    servers.run(*build, env=builder_environment)
    servers.run("buildah", "push", "-q", "localhost/base", f"dir:{folder / 'image'}", env=builder_environment)
    return folder / "image"
