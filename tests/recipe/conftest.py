"""Plugins in folders, built by the real tools into a cache of the test's own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from biot_provider.errors import Notice
from biot_provider.package.package import Package
from biot_provider.plugin.package import recipe_of
from biot_provider.recipe.build import build_package
from biot_provider.recipe.node_modules import node_paths
from biot_provider.recipe.sources import Sources, read_sources


@dataclass
class Plugin:
    """A folder of sources."""

    folder: Path
    runtime: str = "python3.13"
    build: Any = "auto"
    notices: list[Notice] = field(default_factory=list)

    def file(self, path: str, text: str = "def handler(event, context): ...\n") -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def sources(self) -> Sources:
        recipe = recipe_of(self.folder, self.build, self.runtime)
        assert recipe is not None
        return read_sources(recipe)

    @property
    def digest(self) -> str:
        return self.sources().digest

    def built(self) -> Package:
        return build_package(self.sources(), self.notices.append)

    def names(self) -> set[str]:
        return {file.path for file in self.built().files}

    def lock(self, **dependencies: str) -> None:
        """Write package.json, and have npm write its lock file."""
        manifest = json.dumps({"private": True, "dependencies": dependencies})
        self.file("package.json", manifest)
        self.file("package-lock.json", npm_lock(manifest))


@functools.cache
def npm_lock(manifest: str) -> str:
    """The lock file that npm writes for a package.json, once in a run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "package.json").write_text(manifest)
        command = ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund", "--silent"]
        path = os.pathsep.join([*map(str, node_paths(folder)), os.environ["PATH"]])
        subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=True, capture_output=True)
        return (folder / "package-lock.json").read_text()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BIOT_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def plugin(tmp_path: Path, cache: Path) -> Plugin:
    """A plugin in Python without dependencies."""
    plugin = Plugin(tmp_path / "hello")
    plugin.file("index.py")
    return plugin


@pytest.fixture
def in_a_process(plugin: Plugin) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Builds the plugin in another process, with other variables."""

    def run(prologue: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        script = (
            "import json, sys\nfrom pathlib import Path\n"
            f"{prologue}\n"
            "from biot_provider.plugin.package import recipe_of\n"
            "from biot_provider.recipe.build import build_package\n"
            "from biot_provider.recipe.sources import read_sources\n"
            f"sources = read_sources(recipe_of({str(plugin.folder)!r}, {plugin.build!r}, {plugin.runtime!r}))\n"
            "print(build_package(sources, print).source)\n"
        )
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def content(package: Package, path: str) -> bytes:
    with zipfile.ZipFile(package.source) as archive:
        return archive.read(path)
