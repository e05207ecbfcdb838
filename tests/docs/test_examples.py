"""The programs of docs/reference/, each carried out on the real engine: up, and then a preview without a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from biot_provider.cli import main
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

from ..engine.conftest import Project
from .blocks import BLOCKS, ROOT

ROLE = "9f0a4c1b-7c3e-4b3f-9a51-0a2b1c3d4e5f"
EXAMPLES = {
    block.page.name: block for block in BLOCKS if block.note == "run by" and block.page.parent.name == "reference"
}
NEW = {"vitals-guard": "python3.13", "rhythm-check": "python3.13", "hello": "nodejs22.x"}
"""The plugins whose code `biot-provider new` has written for the programs, and their runtimes."""


def test_every_resource_has_one() -> None:
    kinds = {file.stem for file in (ROOT / "docs" / "reference").glob("*.md")} - {
        "index",
        "plugin-yaml",
        "configuration",
    }
    assert {Path(name).stem for name in EXAMPLES} >= {"plugin", "plugin-image", "service-user", "functions", "provider"}
    assert len(EXAMPLES) == 8
    assert {Path(name).stem for name in EXAMPLES} <= kinds


@pytest.fixture
def written(new_project: Callable[[], Project], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with plugins that are new."""
    project = new_project()
    monkeypatch.chdir(project.root)
    (project.root / "plugins/hello/index.js").unlink()
    (project.root / "plugins/hello").rmdir()
    for name, runtime in NEW.items():
        assert main(["new", name, "--runtime", runtime]) == 0
    return project


def test_the_programs_as_one(written: Project, tmp_path: Path) -> None:
    """Each has its own names for its resources."""
    with running(tmp_path) as address, Platform(tmp_path) as other:
        user, key = other.add_service_user()
        written.config |= {"shop:roleId": ROLE, "shop:baseImage": "embedded/base/python:3.13"}
        written.config |= {"shop:euBaseUrl": address, "shop:euServiceId": user}
        written.set_secret("euServiceSecretKey", key)
        written.file("__main__.py", "\n".join(block.text for block in EXAMPLES.values()))
        shown = written.up().succeeded()
        outputs = written.outputs()
        assert outputs["endpoint"].startswith("https://")
        assert outputs["publicKey"]
        assert outputs["key"] not in shown.output
        assert written.names() == {"hello", "rhythm-check", "vitals-guard"}
        assert {row["name"] for row in other.plugins.search({})["data"]} == {"hello"}
        assert written.preview().succeeded().unchanged
