from pathlib import Path

import pytest

from biot_provider.emulator import Platform

from .explorer import Explorer
from .world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with Platform(tmp_path_factory.mktemp("data")) as platform:
        yield World(platform)


def test_plain(world: World, tmp_path: Path) -> None:
    Explorer(world, tmp_path).explore(
        [
            ("code", 0, 0, 1),
            ("up", 0),
            ("set", 0, 0, "timeout", 1),
            ("up", 0),
            ("code", 0, 0, 2),
            ("up", 0, ("lost after commit",)),
            ("refresh", 0),
            ("up", 0, (), ("replace",)),
        ]
    )
