"""Projects whose programs are YAML."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ..conftest import PLUGINS, ROOT, EmptyStacks, Project


class YamlProject(Project):
    """A project whose program stands in its Pulumi.yaml."""

    def program(self, text: str) -> None:
        """Write Pulumi.yaml: its head, and the program's `config`, `resources`, `outputs` and so on."""
        head = {"name": self.name, "runtime": "yaml", "stackConfigDir": "stacks", "plugins": PLUGINS}
        self.file("Pulumi.yaml", f"{yaml.safe_dump(head)}\n{text}\n")


@pytest.fixture(scope="session")
def yaml_environment(pulumi_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of `pulumi` on YAML programs."""
    ensure = [sys.executable, str(ROOT / "tools/engine/ensure.py"), "--yaml"]
    found = subprocess.run(ensure, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    host = shutil.which("pulumi-language-yaml", path=found.stdout.strip())
    assert host
    # As an installed plugin: of a host that is on PATH and not beside itself the CLI warns in each run.
    home = tmp_path_factory.mktemp("pulumi-home")
    plugin = home / "plugins" / "language-yaml-v1.0.0" / "pulumi-language-yaml"
    plugin.parent.mkdir(parents=True)
    plugin.symlink_to(host)
    return pulumi_environment | {"PULUMI_HOME": str(home)}


@pytest.fixture
def yaml_project(yaml_environment: dict[str, str], empty_stacks: EmptyStacks, tmp_path: Path) -> Iterator[YamlProject]:
    project = YamlProject(tmp_path, yaml_environment, empty_stacks)
    yield project
    project.close()
