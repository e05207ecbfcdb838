"""The workflow of this repository runs what a developer runs, on every system and Python that is supported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
INPUTS = {
    "actions/checkout": set[str](),
    "actions/setup-python": {"python-version"},
    "actions/upload-artifact": {"name", "path", "if-no-files-found"},
}
"""The actions it may use, and those of their inputs that it does."""


def matrix(job: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = job.get("strategy", {}).get("matrix", {})
    return found


def commands(job: dict[str, Any]) -> list[str]:
    """Its commands, one for each part of the matrix where they name it."""
    texts = [step["run"] for step in job["steps"] if "run" in step]
    parts = matrix(job).get("part", [""])
    return list(dict.fromkeys(text.replace("${{ matrix.part }}", part) for text in texts for part in parts))


@pytest.mark.parametrize("job", JOBS)
def test_each_command_is_a_target_of_the_makefile(job: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert commands(JOBS[job])
    for command in commands(JOBS[job]):
        found = re.fullmatch(r"make ([\w-]+)(?: PYTHON=python)?", command)
        assert found, command
        assert re.search(rf"^{found[1]}:", makefile, re.MULTILINE), command


@pytest.mark.parametrize("job", JOBS)
def test_each_action_has_a_version_and_inputs_that_are_its_own(job: str) -> None:
    for step in JOBS[job]["steps"]:
        assert ("run" in step) != ("uses" in step)
        if "uses" in step:
            action, _, version = step["uses"].partition("@")
            assert re.fullmatch(r"v\d+", version)
            assert set(step.get("with", {})) <= INPUTS[action]


def test_every_supported_python_is_tested_on_linux_and_macos() -> None:
    declared = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    assert matrix(JOBS["test"]) == {"os": ["ubuntu-latest", "macos-latest"], "python": declared}
    assert all(isinstance(version, str) for version in matrix(JOBS["test"])["python"])  # 3.10 would be 3.1


def test_it_may_read_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not [name for name, job in JOBS.items() if "permissions" in job]
    assert "secrets." not in (ROOT / ".github/workflows/ci.yml").read_text()
    assert "pull_request_target" not in WORKFLOW[True]  # YAML 1.1 reads the key `on` as true


def test_what_takes_long_runs_too_and_not_for_each_pull_request() -> None:
    of_all = [command for job in JOBS.values() for command in commands(job)]
    for target in ("lint", "test", "test-stories", "test-builders", "test-long", "dist", "up"):
        assert [command for command in of_all if re.fullmatch(rf"make {target}(?: .*)?", command)], target
    assert JOBS["weekly"]["if"] == "github.event_name == 'schedule'"
    assert "schedule" in WORKFLOW[True]
