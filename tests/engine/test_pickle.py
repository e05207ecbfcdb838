"""The provider is in the state by its name alone, so new code, and another Python, go on with an old state."""

from __future__ import annotations

import base64
import os
import pickletools
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import biot_provider
from biot_provider.provider.plugin import PluginProvider

if TYPE_CHECKING:
    from conftest import Project

PACKAGE = Path(biot_provider.__file__).parent
OLDEST, NEWEST = 11, 14


def _pickled(project: Project) -> str:
    return str(project.resources()["hello"]["outputs"]["__provider"])


def test_the_state_names_the_providers_module_and_class_and_holds_nothing_of_it(project: Project) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.up().succeeded()

    words = [word for _, word, _ in pickletools.genops(base64.b64decode(_pickled(project))) if isinstance(word, str)]

    assert words == [PluginProvider.__module__, PluginProvider.__qualname__]
    assert words == ["biot_provider.provider.plugin", "PluginProvider"]
    assert len(_pickled(project)) < 100


def test_new_code_of_the_provider_changes_neither_the_state_nor_the_preview(project: Project) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.up().succeeded()
    before, state = _pickled(project), project.state_text()
    copy = project.folder / "newer"
    shutil.copytree(PACKAGE, copy / "biot_provider", ignore=shutil.ignore_patterns("__pycache__"))
    edited = copy / "biot_provider/provider/plugin.py"
    edited.write_text(edited.read_text() + "\nreport('the new code')\n")
    project.environment["PYTHONPATH"] = str(copy)

    preview = project.preview("--expect-no-changes").succeeded()

    assert preview.unchanged
    assert "the new code" in preview.output
    assert project.state_text() == state
    project.file("plugins/hello/index.js", "// new\n")
    project.up().succeeded()
    assert _pickled(project) == before
    destroy = project.destroy().succeeded()
    assert "the new code" in destroy.output
    assert project.names() == set()


def _other_pythons() -> dict[str, str]:
    """An interpreter for each other supported version on this machine: of pyenv, a CI runner, or on PATH."""
    places = [
        *Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob("3.*/bin/python"),
        *Path(os.environ.get("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache"), "Python").glob("3.*/*/bin/python"),
        *(Path(shutil.which(f"python3.{minor}") or "nowhere") for minor in range(OLDEST, NEWEST + 1)),
    ]
    found: dict[str, str] = {}
    for place in filter(Path.exists, places):
        ask = [str(place), "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        version = subprocess.run(ask, capture_output=True, text=True).stdout.strip()
        major, _, minor = version.partition(".")
        if major == "3" and OLDEST <= int(minor) <= NEWEST and int(minor) != sys.version_info.minor:
            found.setdefault(version, str(place))
    return dict(sorted(found.items()))


# Where there is no other version, another environment of this one is what can be tried: the test's id says so.
PYTHONS = _other_pythons() or {f"no-other-version-here-{sys.version_info.minor}": sys.executable}


@pytest.fixture(scope="module", params=[*PYTHONS.values()], ids=[*PYTHONS])
def other_environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment of another Python with this project and what it needs."""
    folder = tmp_path_factory.mktemp("other-python") / "venv"
    needed = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]["dependencies"]
    subprocess.run([request.param, "-m", "venv", folder], check=True)
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *needed]
    installed = subprocess.run(pip, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    (packages,) = folder.glob("lib/python3.*/site-packages")
    (packages / "biot_provider.pth").write_text(f"{PACKAGE.parent}\n")
    return folder


def test_another_python_finds_the_stack_unchanged_updates_it_and_destroys_it(
    project: Project, other_environment: Path
) -> None:
    program = 'import sys\nbiot.Plugin("hello", code="plugins/hello")\npulumi.export("prefix", sys.prefix)'
    project.program(program)
    project.up().succeeded()
    before = _pickled(project)
    project.use_venv(str(other_environment))

    assert "hello" not in project.preview().succeeded().steps
    project.file("plugins/hello/index.js", "// new\n")
    up = project.up().succeeded()

    assert up.steps == {"hello": ["update"]}
    assert str(other_environment) in up.stdout
    assert project.shown("hello")["version"] == 2
    assert _pickled(project) == before
    project.destroy().succeeded()
    assert project.names() == set()
