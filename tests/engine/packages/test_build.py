"""From sources to a running plugin on the real engine: dependencies and a command, built once, known by a digest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from biot_provider.emulator.http.server import running
from tests.engine.conftest import Project

pytestmark = pytest.mark.story

HANDLER = """\
import markupsafe
from markupsafe import _speedups

def handler(event, context):
    return {"statusCode": 200, "body": markupsafe.__name__ + " " + _speedups.__name__}
"""
MANIFEST = "runtime: python3.13\nbuild: auto\n"


@pytest.fixture
def cache(project: Project) -> Path:
    """A cache of the project's own."""
    folder = project.folder / "cache"
    project.environment = project.environment | {"BIOT_CACHE_DIR": str(folder)}
    return folder


def test_dependencies_are_built_once_and_run(project: Project, cache: Path) -> None:
    shutil.rmtree(project.root / "plugins/hello")
    project.file("plugins/hello/index.py", HANDLER)
    project.file("plugins/hello/requirements.txt", "markupsafe==3.0.2\n")
    project.file("plugins/hello/plugin.yaml", MANIFEST)
    project.program('biot.declare_plugins("plugins")')
    preview = project.preview().succeeded()
    assert "plugin 'hello': built in" in preview.output
    up = project.up().succeeded()
    assert "built in" not in up.output
    files = project.deployed_files("hello")
    assert "markupsafe/_speedups.cpython-313-x86_64-linux-gnu.so" in files
    assert {"index.py", "requirements.txt"} < files.keys()
    digest = project.resources()["hello"]["outputs"]["code_digest"]
    with running(project.platform_folder) as base_url:
        called = httpx.get(project.platform.plugins.get("Plugin-hello", base_url)["endpointUrl"], timeout=60)
    assert (called.status_code, called.text) == (200, "markupsafe markupsafe._speedups")

    # Another machine: nothing in its cache, and nothing to build.
    shutil.rmtree(cache)
    again = project.preview().succeeded()
    assert again.unchanged
    assert [path.name for path in cache.iterdir()] == ["digests"]  # of the sources, by which they are not read again

    project.file("plugins/hello/requirements.txt", "markupsafe==3.0.3\n")
    changed = project.preview("--diff").succeeded()
    assert "plugin 'hello': dependencies: markupsafe 3.0.2 => 3.0.3" in changed.output
    project.up().succeeded()
    assert project.resources()["hello"]["outputs"]["code_digest"] != digest
    assert sorted(path.name for path in (project.root / "plugins/hello").iterdir()) == [
        "index.py",
        "plugin.yaml",
        "requirements.txt",
    ]


def test_a_command_that_fails_shows_its_last_lines_and_no_secret(project: Project, cache: Path) -> None:
    project.environment = project.environment | {"AWS_SESSION_TOKEN": "t" * 20}
    command = 'echo "passphrase:${PULUMI_CONFIG_PASSPHRASE+seen} token:${AWS_SESSION_TOKEN}"; echo over; exit 3'
    project.declare({"hello": {"code": "plugins/hello", "build": {"command": command, "output": "dist"}}})
    failed = project.preview().failed("the command", "failed (exit code 3); its last lines: [BIOT-3110]\n", "  over")
    assert "passphrase: token:\n" in failed.output
    assert "t" * 20 not in failed.output
    assert {path.parent.name for path in cache.glob("*/*")} <= {"digests"}


def test_a_command_s_output_is_what_is_deployed(new_project: Callable[[], Project]) -> None:
    project = new_project()
    project.environment = project.environment | {"BIOT_CACHE_DIR": str(project.folder / "cache")}
    project.file("plugins/hello/src/index.js", "exports.handler = async () => ({ statusCode: 204 })\n")
    project.file("plugins/hello/build.sh", "mkdir -p dist && cp src/index.js dist/\n")
    build = {"command": "sh build.sh", "output": "dist", "inputs": ["src/**", "build.sh"]}
    program = f'biot.Plugin("hello", code="plugins/hello", build=biot.BuildArgs(**{json.dumps(build)}))'
    project.program(program)
    project.up().succeeded()
    assert set(project.deployed_files("hello")) == {"index.js"}

    project.file("plugins/hello/README.md", "not an input\n")
    assert project.preview().succeeded().unchanged
    project.file("plugins/hello/src/index.js", "exports.handler = async () => ({ statusCode: 205 })\n")
    changed = project.preview("--diff").succeeded()
    assert changed.steps == {"hello": ["update"]}
    assert "src/index.js" in changed.output
    project.up().succeeded()
    assert b"205" in project.deployed_files("hello")["index.js"]
