"""The guide to stacks: its commands and its pipeline, taken from its text and carried out.

Three embedded platforms stand for the three environments, a folder for the bucket, a passphrase for the KMS.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

from ..conftest import ROOT

pytestmark = pytest.mark.story

GUIDE = (ROOT / "docs/guides/stacks.md").read_text()
STACKS = ("dev", "staging", "production")
READING = ["SETTINGS_PLUGIN_GET", "SETTINGS_PLUGIN_SEARCH"]
INSTALL = "python -m venv .venv && .venv/bin/pip install -r requirements.txt"
EXAMPLES = {"device-alerts", "rhythm-check", "vitals-guard"}

ACTIONS = {
    "actions/checkout": set(),
    "actions/setup-python": {"python-version"},
    "aws-actions/configure-aws-credentials": {"role-to-assume", "aws-region"},
    "pulumi/actions": {"command", "stack-name", "cloud-url", "refresh", "diff", "comment-on-pr"},
}
"""The actions the pipeline may use, and those of their inputs that it does."""


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def block(first_line: str, kind: str = "yaml") -> Any:
    """The YAML under the heading comment."""
    (text,) = (text for text in blocks(kind) if text.startswith(f"# {first_line}\n"))
    # YAML 1.1 reads the key `on` as true.
    return {("on" if key is True else key): value for key, value in yaml.safe_load(text).items()}


def commands(text: str) -> str:
    """The one block of commands with this text."""
    (found,) = (found for found in blocks("sh") if text in found)
    return found


@dataclass
class Team:
    """A copy of the project, three platforms, and a shell in it."""

    folder: Path
    environment: dict[str, str]
    addresses: Mapping[str, str]
    platforms: Mapping[str, Platform]
    users: dict[str, tuple[str, str]] = field(default_factory=dict)

    def shell(self, text: str, stdin: str = "", **environment: str) -> str:
        """Carry out commands of the guide, with what is here in the place of what is in a cloud; gives the output."""
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(text)],
            cwd=self.folder,
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def here(self, text: str) -> str:
        changed = text.replace("s3://acme-pulumi-state", f"file://{self.folder.parent}/state")
        changed = re.sub(r'"awskms://[^"]*"', "passphrase", changed)
        for stack, host in zip(STACKS, ("api.dev.acme", "api.staging.acme", "api.acme"), strict=True):
            changed = changed.replace(f"https://{host}.biot-med.com", self.addresses[stack])
        return changed.replace(INSTALL, f"ln -sfn {sys.prefix} .venv")

    def names(self, stack: str) -> set[str]:
        return {row["name"] for row in self.platforms[stack].plugins.search({})["data"]}


@pytest.fixture
def team(pulumi_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    project = folder / "project"
    project.mkdir()
    (folder / "state").mkdir()
    for name in ("__main__.py", "Pulumi.yaml"):
        shutil.copy(ROOT / name, project)
    shutil.copytree(ROOT / "plugins", project / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "stacks", project / "stacks")
    for stack in STACKS:
        with (project / f"stacks/Pulumi.{stack}.yaml").open("a") as file:
            file.write("  biot-plugins:baseImage: embedded/base/python:3.13\n")  # in the place of one of AWS's
    (project / ".venv").symlink_to(sys.prefix)
    (folder / "bin").mkdir()
    gh = folder / "bin/gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> {folder}/gh.log\n')
    gh.chmod(0o755)
    environment = pulumi_environment | {
        "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.prefix) / "bin"), pulumi_environment["PATH"]]),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_CONFIRMATIONS": "true",  # nobody is there to say yes
    }
    with ExitStack() as closing:
        platforms = {stack: closing.enter_context(Platform(folder / stack)) for stack in STACKS}
        addresses = {stack: closing.enter_context(running(folder / stack)) for stack in STACKS}
        made = Team(project, environment, addresses, platforms)
        for stack, platform in platforms.items():
            made.users[stack] = platform.add_service_user()
            made.users[f"{stack}-preview"] = platform.add_service_user(READING)
        made.shell(commands("pulumi login"))
        yield made


def test_the_esc_environment_gives_what_the_connection_reads() -> None:
    given = block("pulumi env edit acme/biot-dev")["values"]["environmentVariables"]
    assert set(given) == {"BIOT_SERVICE_ID", "BIOT_SERVICE_SECRET_KEY"}
    assert set(given["BIOT_SERVICE_SECRET_KEY"]) == {"fn::secret"}


# -- the pipeline


def pipeline() -> Any:
    return block(".github/workflows/plugins.yml")


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = block(".github/workflows/stack.yml")["jobs"]["run"]["steps"]
    return found


def evaluated(value: str, inputs: Mapping[str, str], env: Mapping[str, str] | None = None) -> str:
    """A value with its expressions worked out, of the few forms the pipeline has."""

    def one(match: re.Match[str]) -> str:
        text = match[1].strip()
        if text == "inputs.command == 'preview' && '-preview' || ''":
            return "-preview" if inputs["command"] == "preview" else ""
        scope, _, name = text.partition(".")
        return {"inputs": inputs, "env": env or {}}[scope][name]

    return re.sub(r"\$\{\{(.*?)\}\}", one, value)


def carry_out(team: Team, stack: str, command: str) -> str:
    """Do what the called workflow does for a stack: its commands, and in place of Pulumi's action the CLI."""
    job = block(".github/workflows/stack.yml")["jobs"]["run"]
    inputs = {"stack": stack, "command": command}
    user, key = team.users[evaluated(job["environment"], inputs)]
    assert job["env"]["BIOT_SERVICE_ID"] == "${{ vars.BIOT_SERVICE_ID }}"
    assert job["env"]["BIOT_SERVICE_SECRET_KEY"] == "${{ secrets.BIOT_SERVICE_SECRET_KEY }}"
    env = {
        "PULUMI_BACKEND_URL": team.here(job["env"]["PULUMI_BACKEND_URL"]),
        "BIOT_SERVICE_ID": user,
        "BIOT_SERVICE_SECRET_KEY": key,
    }
    output = ""
    for step in job["steps"]:
        if step.get("if") not in (None, f"inputs.command == '{command}'"):
            continue
        if "run" in step:
            output += team.shell(evaluated(step["run"], inputs), **env)
        elif step["uses"].startswith("pulumi/actions@") and "with" in step:
            given = {name: evaluated(str(value), inputs, env) for name, value in step["with"].items()}
            assert given["cloud-url"] == env["PULUMI_BACKEND_URL"]
            flags = "--refresh --diff" if given["refresh"] == given["diff"] == "True" else ""
            output += team.shell(f"pulumi {given['command']} --stack {given['stack-name']} {flags}", **env)
    return output


def test_the_workflows_have_what_github_asks_for() -> None:
    plugins, stack = pipeline(), block(".github/workflows/stack.yml")
    assert set(plugins["on"]) == {"pull_request", "push"}
    assert plugins["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}
    for job in plugins["jobs"].values():
        assert job["uses"] == "./.github/workflows/stack.yml"
        assert job["secrets"] == "inherit"
        assert set(job["with"]) == set(stack["on"]["workflow_call"]["inputs"])
        assert set(job) <= {"if", "needs", "strategy", "uses", "with", "secrets"}  # all that a calling job may have
    assert stack["jobs"]["run"]["runs-on"]
    for step in steps():
        assert ("run" in step) != ("uses" in step)
        if "uses" in step:
            action, _, version = step["uses"].partition("@")
            assert re.fullmatch(r"v\d+", version)
            assert set(step.get("with", {})) <= ACTIONS[action]
    assert [step.get("run", step.get("uses", "")).partition("@")[0] for step in steps()][-2:] == [
        ".venv/bin/biot-provider doctor --stack ${{ inputs.stack }}",
        "pulumi/actions",
    ]


def test_the_guide_is_carried_out(team: Team) -> None:
    _the_stacks_are_made_with_their_addresses_and_their_secrets_are_encrypted(team)
    _every_environment_of_the_pipeline_gets_its_identity(team)
    _the_first_deployment_by_hand_is_what_the_preview_said(team)
    _a_pull_request_shows_every_preview_with_an_identity_that_cannot_write(team)
    _a_merge_deploys_the_stacks_one_after_the_other(team)
    _what_differs_per_environment_is_taken_as_the_guide_writes_it(team)
    _every_command_of_the_guide_is_known(team)


def _the_stacks_are_made_with_their_addresses_and_their_secrets_are_encrypted(team: Team) -> None:
    listed = team.shell("pulumi stack ls --json")
    assert {stack for stack in STACKS if f'"name": "{stack}"' in listed} == set(STACKS)
    for stack in STACKS:
        file = yaml.safe_load((team.folder / f"stacks/Pulumi.{stack}.yaml").read_text())
        assert file["config"]["biot:baseUrl"] == team.addresses[stack]
        assert file["encryptionsalt"]


def _every_environment_of_the_pipeline_gets_its_identity(team: Team) -> None:
    team.shell(commands("gh secret set"))
    asked = (team.folder.parent / "gh.log").read_text().splitlines()
    job = block(".github/workflows/stack.yml")["jobs"]["run"]
    names = {
        evaluated(job["environment"], {"stack": stack, "command": command})
        for stack in STACKS
        for command in ("preview", "up")
    }
    assert names == set(team.users)
    wanted = re.findall(r"\$\{\{ (vars|secrets)\.(\w+) \}\}", "\n".join(blocks("yaml")))
    for name in names:
        assert f"api --method PUT repos/{{owner}}/{{repo}}/environments/{name}" in asked
        for scope, variable in wanted:
            kind: Callable[[str], str] = {"vars": "variable set", "secrets": "secret set"}.__getitem__
            assert f"{kind(scope)} {variable} --env {name}" in asked


def _the_first_deployment_by_hand_is_what_the_preview_said(team: Team) -> None:
    user, key = team.users["dev"]
    text = commands("biot-provider doctor").replace("<id of dev's deploy>", user)
    output = team.shell(text, stdin=f"{key}\n")
    assert "problem" not in output
    assert team.names("dev") == EXAMPLES
    assert key not in output


def _a_pull_request_shows_every_preview_with_an_identity_that_cannot_write(team: Team) -> None:
    preview = pipeline()["jobs"]["preview"]
    assert preview["if"] == "github.event_name == 'pull_request'"
    assert preview["with"] == {"stack": "${{ matrix.stack }}", "command": "preview"}
    assert preview["strategy"]["matrix"]["stack"] == list(STACKS)
    before = {stack: team.names(stack) for stack in STACKS}
    for stack in STACKS:
        shown = carry_out(team, stack, "preview")
        assert ("to create" in shown) == (not before[stack]), shown
    assert {stack: team.names(stack) for stack in STACKS} == before


def _write_what_differs(team: Team) -> None:
    file = team.folder / "stacks/Pulumi.production.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"] |= block("stacks/Pulumi.production.yaml")["config"]
    file.write_text(yaml.safe_dump(content))
    (secret,) = re.findall(r"`(pulumi config set --path --secret .*?)`", GUIDE)
    team.shell(f"{secret} --stack production", stdin="canary-of-the-guide")
    assert "canary" not in file.read_text()


def _a_merge_deploys_the_stacks_one_after_the_other(team: Team) -> None:
    _write_what_differs(team)
    jobs = pipeline()["jobs"]
    order = [job["with"]["stack"] for name, job in jobs.items() if name != "preview"]
    assert order == list(STACKS)
    assert [jobs[stack].get("needs") for stack in order] == [None, "dev", "staging"]
    assert jobs["dev"]["if"] == "github.event_name == 'push'"
    for stack in order:
        assert jobs[stack]["with"]["command"] == "up"
        output = carry_out(team, stack, "up")
        assert "logged in" in output  # the doctor was asked first
        assert team.names(stack) == EXAMPLES


def _what_differs_per_environment_is_taken_as_the_guide_writes_it(team: Team) -> None:
    guard = team.platforms["production"].plugins.get("Plugin-vitals-guard")
    assert guard["memorySize"] == 512
    assert guard["environmentVariables"]["RANGE_HEART_RATE"] == "30..220"
    assert guard["environmentVariables"]["TOKEN"] == "canary-of-the-guide"
    assert team.platforms["production"].plugins.get("Plugin-device-alerts")["enabledState"] == "DISABLED"


def _every_command_of_the_guide_is_known(team: Team) -> None:
    """What stands in the text, outside of the blocks that were carried out."""
    prose = re.sub(r"^```.*?^```$", "", GUIDE, flags=re.MULTILINE | re.DOTALL)
    for command in re.findall(r"`((?:pulumi|biot-provider) [^`]*)`", prose):
        words = command.split()
        known = [word for word in words[1:3] if re.fullmatch("[a-z]+", word)]
        help_text = team.shell(" ".join([words[0], *known, "--help"]))
        for flag in re.findall(r"--[a-z-]+", " ".join(words).partition(" -- ")[0]):
            assert flag in help_text, command
