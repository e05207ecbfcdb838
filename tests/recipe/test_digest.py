"""The digest by which a package is known before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from biot_provider.recipe.versions import changed_versions

from .conftest import Plugin


@pytest.fixture
def locked(plugin: Plugin) -> Plugin:
    plugin.file("requirements.txt", "six==1.17.0\n")
    return plugin


def test_it_is_the_same_wherever_the_sources_lie(locked: Plugin, tmp_path: Path) -> None:
    other = Plugin(tmp_path / "elsewhere" / "other")
    other.file("requirements.txt", "six==1.17.0\n")
    other.file("index.py").chmod(0o600)
    other.file("node_modules/x.js")
    other.file(".venv/x.py")
    other.build = {"dependencies": "auto", "command": None}
    assert other.digest == locked.digest


@pytest.mark.parametrize(
    "change",
    [
        {"file": ("index.py", "# other\n")},
        {"file": ("requirements.txt", "six==1.16.0\n")},
        {"runtime": "python3.12"},
        {"build": {"command": "true"}},
        {"build": {"dependencies": "none"}},
    ],
)
def test_what_makes_the_package_changes_it(locked: Plugin, change: dict[str, Any]) -> None:
    before = locked.digest
    if "file" in change:
        locked.file(*change["file"])
    locked.runtime = change.get("runtime", locked.runtime)
    locked.build = change.get("build", locked.build)
    assert locked.digest != before


def test_a_lock_file_counts_that_is_not_deployed(locked: Plugin) -> None:
    locked.file(".biotignore", "/requirements.txt\n")
    before = locked.digest
    locked.file("requirements.txt", "six==1.16.0\n")
    assert locked.digest != before


def test_inputs_alone_count_of_a_command_with_an_output(locked: Plugin) -> None:
    locked.file("src/deep/a.py")
    locked.build = {"command": "true", "output": "dist", "inputs": ["src/**", "!*.md"]}
    before = locked.digest
    assert set(locked.sources().file_digests()) == {"src/deep/a.py", "requirements.txt#six"}
    locked.file("index.py", "# other\n")
    locked.file("src/README.md", "# other\n")
    assert locked.digest == before
    locked.file("src/deep/a.py", "# other\n")
    assert locked.digest != before


def test_it_names_the_versions_that_change() -> None:
    old = {"index.py": "aa", "requirements.txt#a": "1", "requirements.txt#b": "2", "requirements.txt#c": "3"}
    new = {"index.py": "bb", "uv.lock#a": "1", "uv.lock#b": "2.1", "uv.lock#d": "4"}
    assert changed_versions(old, new) == ["b 2 => 2.1", "c 3 (gone)", "d 4 (new)"]
    assert changed_versions(old, old) == []
