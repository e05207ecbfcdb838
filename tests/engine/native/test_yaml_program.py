"""A YAML program on the real engine, from its first preview to its destroy."""

from __future__ import annotations

import secrets

import pytest

from .conftest import YamlProject

pytestmark = pytest.mark.needs_builders

PROGRAM = """
config:
  ward: {type: string}
  beds: {type: integer, default: 12}
  key: {type: string, secret: true}
variables:
  label: ${ward} with ${beds} beds
outputs:
  label: ${label}
  hidden: ${key}
  stack: ${pulumi.stack}
"""


def test_a_yaml_program_runs_from_preview_to_destroy(yaml_project: YamlProject) -> None:
    yaml_project.program(PROGRAM)
    yaml_project.preview().failed("ward")

    yaml_project.config["shop:ward"] = "West"
    key = secrets.token_hex(16)
    yaml_project.set_secret("key", key)
    preview = yaml_project.preview().succeeded()
    assert preview.changes == {"create": 1}
    assert "West with 12 beds" in preview.stdout

    up = yaml_project.up().succeeded()
    assert "warning" not in up.output
    assert key not in up.output
    assert yaml_project.outputs() == {"label": "West with 12 beds", "hidden": key, "stack": "dev"}
    assert key not in yaml_project.stored_text()
    assert yaml_project.preview().succeeded().unchanged

    yaml_project.program(PROGRAM.replace("${label}", "${lable}"))
    yaml_project.up().failed('resource or variable named "lable" could not be found')

    yaml_project.destroy().succeeded()
    assert "outputs" not in yaml_project.state_text()
