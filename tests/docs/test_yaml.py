"""The YAML of the pages, by the project's own models: plugin.yaml, a stack's file, Pulumi.yaml, a pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from biot_provider.config import KEYS
from biot_provider.plugin.manifest.fleet import read_fleet
from biot_provider.plugin.rules import plugin_problems

from .blocks import ROOT, Block, in_language
from .commands import commands_in

SCHEMA = json.loads((ROOT / "biot_provider" / "native" / "schema.json").read_text("utf-8"))
PROJECT_KEYS = {"name", "description", "runtime", "stackConfigDir", "config", "plugins", "resources", "outputs"}
"""What a Pulumi.yaml may have of what the pages use (https://www.pulumi.com/docs/iac/concepts/projects/project-file/)."""


def content(block: Block) -> Any:
    found = yaml.safe_load(block.text)
    # YAML 1.1 reads the key `on` as true.
    return {("on" if key is True else key): value for key, value in found.items()} if isinstance(found, dict) else found


@pytest.mark.parametrize("block", in_language("yaml"), ids=lambda block: block.place)
def test_it_is_what_its_reader_takes(block: Block, tmp_path: Path) -> None:
    found = content(block)
    if isinstance(found, list):
        _steps(found)
    elif "jobs" in found:
        _workflow(found)
    elif found.keys() <= PROJECT_KEYS and ("plugins" in found or isinstance(found.get("runtime"), dict)):
        _project(found)
    elif "config" in found:
        _stack(found)
    elif "values" in found:
        assert found["values"]["environmentVariables"].keys() <= {key.variable for key in KEYS}
    else:
        _manifest(block.text, tmp_path)


def _manifest(text: str, folder: Path) -> None:
    (folder / "hello").mkdir()
    (folder / "hello" / "plugin.yaml").write_text(text, "utf-8")
    (folder / "hello" / "main.go").write_text("")
    assert plugin_problems(read_fleet(folder, {})["hello"], lambda _: False) == []


def _stack(found: dict[str, Any]) -> None:
    """The configuration of a stack of the example project."""
    assert found.keys() <= {"config", "secretsprovider", "encryptionsalt"}
    config = found["config"]
    assert {key for key in config if key.startswith("biot:")} <= {key.path for key in KEYS}
    fleet = read_fleet(ROOT / "plugins", config.get("biot-plugins:plugins", {}))
    assert [problem for arguments in fleet.values() for problem in plugin_problems(arguments, lambda _: False)] == []


def _project(found: dict[str, Any]) -> None:
    for provider in found.get("plugins", {}).get("providers", []):
        assert provider.keys() == {"name", "path"}
        assert provider["name"] == SCHEMA["name"]
    for resource in found.get("resources", {}).values():
        package, kind = resource["type"].split(":")
        described = SCHEMA["resources"][f"{package}:index:{kind}"]
        assert resource["properties"].keys() <= described["inputProperties"].keys()
        assert resource["properties"].keys() >= set(described.get("requiredInputs", ()))


def _workflow(found: dict[str, Any]) -> None:
    """A workflow of GitHub: jobs of steps, or that call another workflow."""
    assert "on" in found
    for job in found["jobs"].values():
        assert ("uses" in job) != ("steps" in job)
        _steps(job.get("steps", []))


def _steps(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        assert ("run" in step) != ("uses" in step)
        assert step.keys() <= {"run", "uses", "with", "env", "if", "name", "id", "working-directory", "shell"}
        for command in commands_in(step.get("run", "")):
            command.check()
