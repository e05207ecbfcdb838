"""The provider is in the state by its name alone, so new code, and another Python, go on with an old state."""

from __future__ import annotations

import base64
import pickletools
import shutil
from pathlib import Path

import pytest

import biot_provider
from biot_provider.provider.plugin import PluginProvider
from tools.test_pythons import made, other_minors

from .conftest import Project

PACKAGE = Path(biot_provider.__file__).parent


def _pickled(project: Project) -> str:
    return str(project.resources()["hello"]["outputs"]["__provider"])


def test_the_state_names_the_provider_alone_so_new_code_changes_neither_state_nor_preview(project: Project) -> None:
    project.declare({"hello": {"code": "plugins/hello"}})
    project.up().succeeded()
    before, state = _pickled(project), project.state_text()
    words = [word for _, word, _ in pickletools.genops(base64.b64decode(before)) if isinstance(word, str)]
    assert words == [PluginProvider.__module__, PluginProvider.__qualname__]
    assert words == ["biot_provider.provider.plugin", "PluginProvider"]
    assert len(before) < 100

    copy = project.folder / "newer"
    shutil.copytree(PACKAGE, copy / "biot_provider")
    edited = copy / "biot_provider/provider/plugin.py"
    shown = "\nfrom biot_provider.provider.dynamic import Notice, show\n\nshow(Notice('the new code'))\n"
    edited.write_text(edited.read_text() + shown)
    project.environment |= {"PYTHONPATH": str(copy)}

    preview = project.preview("--expect-no-changes").succeeded()
    assert preview.unchanged
    assert "the new code" in preview.output
    assert project.state_text() == state
    destroy = project.destroy().succeeded()
    assert "the new code" in destroy.output
    assert project.names() == set()


@pytest.mark.long
def test_another_python_finds_the_stack_unchanged_updates_it_and_destroys_it(project: Project) -> None:
    project.program('import sys\nbiot.Plugin("hello", code="plugins/hello")\npulumi.export("prefix", sys.prefix)')
    project.up().succeeded()
    before = _pickled(project)
    others = [environment for minor in other_minors() if (environment := made(minor))]
    assert others, "no other Python is to be had"
    for version, environment in enumerate(others, start=2):
        project.use_venv(str(environment))
        assert "hello" not in project.preview().succeeded().steps
        project.file("plugins/hello/index.js", f"// {version}\n")
        up = project.up().succeeded()
        assert up.steps == {"hello": ["update"]}
        assert str(environment) in up.stdout
        assert project.shown("hello")["version"] == version
        assert _pickled(project) == before
    project.destroy().succeeded()
    assert project.names() == set()
