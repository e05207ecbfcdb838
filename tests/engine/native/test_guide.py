"""The guide to programs in every language: its programs, as it writes them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from ..conftest import PLUGINS, ROOT, Project
from .conftest import YamlProject

GUIDE = (ROOT / "docs/guides/every-language.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.mark.needs_builders
def test_the_yaml_program(yaml_project: YamlProject) -> None:
    (program,) = [block for block in blocks("yaml") if "runtime: yaml" in block]
    program = program.replace("name: ward", f"name: {yaml_project.name}\nstackConfigDir: stacks")
    yaml_project.file("Pulumi.yaml", program.replace(".venv/bin", str(Path(sys.prefix, "bin"))))
    yaml_project.file("plugins/hello/index.js")
    yaml_project.up().succeeded()
    assert yaml_project.outputs() == {"url": yaml_project.shown("hello")["endpointUrl"]}
    assert yaml_project.preview().succeeded().unchanged


def test_the_python_program_without_an_sdk(project: Project) -> None:
    (program,) = blocks("python")
    project.file("__main__.py", program)
    project.up().succeeded()
    assert project.outputs() == {"url": project.shown("hello")["endpointUrl"]}


def test_the_schema_is_printed_and_valid(project: Project) -> None:
    command = str(Path(PLUGINS["providers"][0]["path"], "pulumi-resource-biot"))
    printed = project.pulumi("package", "get-schema", command).succeeded()
    schema = project.file("schema.json", printed.stdout)
    assert '"biot:index:NotificationSubscription"' in printed.stdout
    project.pulumi("schema", "check", str(schema)).succeeded()
