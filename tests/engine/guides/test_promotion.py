"""The guide from plugins deployed by hand to a pipeline: its commands and its workflow, taken from its text and
carried out, on three platforms over HTTP.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

from ..conftest import HANDLER, ROOT

pytestmark = pytest.mark.story

GUIDE = (ROOT / "docs/guides/promotion.md").read_text()
STACKS = ("dev", "staging", "production")
INSTALL = "python -m venv .venv\n.venv/bin/pip install -r requirements.txt\n"
READING = ["SETTINGS_PLUGIN_GET", "SETTINGS_PLUGIN_SEARCH"]
PATIENTS = "PATCH/organization/v1/users/patients/{id}"
HOOKS = {"interceptionOrder": 3, "interceptions": [{"type": "PRE_REQUEST", "apiId": PATIENTS}]}
MARKED = r"# exit code (\d)$"


def blocks(kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [text for word, text in found if word == kind]


def jobs() -> dict[str, Any]:
    (text,) = blocks("yaml")
    found: dict[str, Any] = yaml.safe_load(text)["jobs"]
    return found


@dataclass
class Company:
    """A repository, three platforms with plugins deployed by hand, and the identities of each environment."""

    folder: Path
    environment: dict[str, str]
    platforms: Mapping[str, Platform]
    users: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each of GitHub's environments, its variables and secrets."""
    shown: str = ""
    """All that was printed."""

    def by_hand(self, stack: str, name: str, **config: Any) -> None:
        given = {"name": name, "displayName": name, "version": 1, "runtime": "nodejs22.x", **config}
        self.platforms[stack].plugins.create(given, None, "http://x")

    def run(self, text: str, code: int = 0, stdin: str = "", **environment: str) -> str:
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
        )
        self.shown += run.stdout + run.stderr
        assert run.returncode == code, text + run.stdout + run.stderr
        return run.stdout

    def carry_out(self, index: int, stdin: str = "") -> list[str]:
        """Carry out a block of commands of the guide; gives the output of each.

        Each line is a command, whose comment may say with which code it ends. It has the identity of its stack.
        """
        text = blocks("sh")[index]
        outputs = []
        for line in [text] if "for " in text else text.splitlines():
            expected = re.search(MARKED, line)
            stack = re.search(r"(?:--stack|compare) (\w+)", line)
            identity = self.users[stack[1]] if stack else {}
            code = int(expected[1]) if expected else 0
            outputs.append(self.run(line, code, stdin, **self.users["review"], **identity))
        return outputs

    def job(self, name: str, stack: str = "", code: int = 0) -> str:
        """Do what a job of the workflow does, on GitHub's side too: environment, variables and files."""
        job = jobs()[name]
        users = self.users[job["environment"].replace("${{ matrix.stack }}", stack)]

        def evaluated(text: str) -> str:
            scopes = {"vars": users, "secrets": users, "matrix": {"stack": stack}, "github": {"event.number": "7"}}
            scopes["github"]["token"] = "none"
            given = re.sub(r"\$\{\{ (\w+)\.([\w.]+) \}\}", lambda found: scopes[found[1]][found[2]], text)
            return given.replace(INSTALL, f"ln -sfn {shlex.quote(sys.prefix)} .venv\n")

        files = {key: str(self.folder.parent / key) for key in ("GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        env = {key: evaluated(value) for key, value in job["env"].items()} | files | {"GITHUB_JOB": name}
        steps = [step for step in job["steps"] if "run" in step]
        output = ""
        for step in steps:
            more = {key: evaluated(value) for key, value in step.get("env", {}).items()}
            output += self.run(evaluated(step["run"]), code if step is steps[-1] else 0, **env, **more)
        return output

    def plugins(self, stack: str) -> dict[str, dict[str, Any]]:
        """The plugins of a platform as it shows them, without when and where."""
        rows = self.platforms[stack].plugins.search({})["data"]
        return {row["name"]: self.platforms[stack].plugins.get(f"Plugin-{row['name']}") for row in rows}

    def all_plugins(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {stack: self.plugins(stack) for stack in STACKS}


@pytest.fixture
def company(pulumi_environment: dict[str, str], tmp_path: Path) -> Iterator[Company]:
    project = tmp_path / "project"
    for path in (project / "plugins", project / "stacks", tmp_path / "state", tmp_path / "bin"):
        path.mkdir(parents=True)
    (project / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (program,) = re.findall(r"`(biot\.declare_plugins\(.*?\))`", GUIDE)
    (project / "__main__.py").write_text(f"import biot_provider as biot\n\n{program}\n")
    (project / ".venv").symlink_to(sys.prefix)
    gh = tmp_path / "bin/gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/gh.log\n')
    gh.chmod(0o755)
    environment = pulumi_environment | {
        "PATH": os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.prefix) / "bin"), pulumi_environment["PATH"]]),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_SKIP_CONFIRMATIONS": "true",  # nobody is there to say yes
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    with ExitStack() as closing:
        platforms = {stack: closing.enter_context(Platform(tmp_path / stack)) for stack in STACKS}
        made = Company(project, environment, platforms)
        made.users["review"] = {}
        for stack, platform in platforms.items():
            address = closing.enter_context(running(tmp_path / stack))
            made.run(f"pulumi stack init {stack} && pulumi config set --stack {stack} biot:baseUrl {address}")
            reader = platform.add_service_user(READING)
            names = ("BIOT_SERVICE_ID", "BIOT_SERVICE_SECRET_KEY")
            made.users[stack] = dict(zip(names, platform.add_service_user(), strict=True))
            made.users[f"{stack}-preview"] = dict(zip(names, reader, strict=True))
            made.users["review"] |= {f"{k}_{stack.upper()}": v for k, v in made.users[f"{stack}-preview"].items()}
        made.run("git init --quiet")
        yield made


def test_the_guide_is_carried_out(company: Company) -> None:
    company.by_hand("dev", "vitals-guard", subscriptions=HOOKS, environmentVariables={"API_KEY": "canary-dev"})
    company.by_hand("dev", "device-alerts", environmentVariables={"TOKEN": "canary-dev"})
    more = {"memorySize": 256, "environmentVariables": {"API_KEY": "canary-staging"}}
    company.by_hand("staging", "vitals-guard", subscriptions=HOOKS, **more)
    company.by_hand("production", "device-alerts", timeout=9, environmentVariables={"TOKEN": "canary-old", "OLD": "1"})
    before = company.all_plugins()

    _dev_becomes_code_and_goes_into_git(company)
    _what_staging_and_production_have_is_taken_over(company)
    assert company.all_plugins() == before
    _a_pull_request_shows_what_it_changes_and_changes_nothing(company)
    assert company.all_plugins() == before
    _a_merge_brings_dev_to_production_through_its_gates(company)
    _drift_is_found_at_night_and_put_back(company)
    assert "canary" not in company.shown
    assert "canary" not in company.run("git log --patch")


def _dev_becomes_code_and_goes_into_git(company: Company) -> None:
    assert "Resources:\n    3 unchanged\n" in company.carry_out(0)[2]
    company.carry_out(1)
    committed = set(company.run("git ls-files").split())
    assert {"plugins/vitals-guard/plugin.yaml", "stacks/Pulumi.dev.yaml"} < committed
    assert "plugins/import.json" not in committed


def _what_staging_and_production_have_is_taken_over(company: Company) -> None:
    shown, production = company.carry_out(2)
    assert "device-alerts: only in dev\n" in shown
    assert "vitals-guard: only in dev\n" in production
    (left,) = company.carry_out(3)
    printed = next(text for text in blocks("text") if text.startswith("plugins: 1 plugin"))
    assert left.startswith(printed)
    preview = company.carry_out(4)[3]
    assert "+ 1 to create\n    2 unchanged\n" in preview
    company.carry_out(5)
    company.carry_out(6, stdin="canary-given")
    company.carry_out(7)
    assert company.run("git status --porcelain plugins stacks") == ""


def _a_pull_request_shows_what_it_changes_and_changes_nothing(company: Company) -> None:
    for name in ("vitals-guard", "device-alerts"):
        code = company.folder / f"plugins/{name}/code"
        code.mkdir()
        (code / "index.js").write_text(HANDLER)
    clashing = company.folder / "plugins/clashing/plugin.yaml"
    clashing.parent.mkdir()
    clashing.write_text((company.folder / "plugins/vitals-guard/plugin.yaml").read_text())
    assert "clashing  ! equal order" in company.job("preview", "dev", code=1)
    clashing.unlink()
    clashing.parent.rmdir()
    assert jobs()["preview"]["strategy"]["matrix"]["stack"] == list(STACKS)
    for stack, wanted in {"staging": ("+ 1 to create", "~ 1 to update"), "production": ("+ 3 to create",)}.items():
        output = company.job("preview", stack)
        assert all(text in output for text in wanted), output
        assert "before      3  vitals-guard\n" in output
    company.job("compare")
    log = (company.folder.parent / "gh.log").read_text()
    assert log.endswith("pr comment 7 --edit-last --create-if-none --body-file compare.md\n")
    comment = (company.folder / "compare.md").read_text()
    assert "| `vitals-guard` | `memory_size` | `128` | `256` |" in comment
    assert "| `vitals-guard` | is there | yes |  |" in comment


def _a_merge_brings_dev_to_production_through_its_gates(company: Company) -> None:
    company.carry_out(8)  # the identities
    asked = (company.folder.parent / "gh.log").read_text()
    for name in company.users["review"]:
        assert re.search(rf"^(variable|secret) set {name} --env review$", asked, re.MULTILINE)
    order = [name for name in jobs() if name in (*STACKS, "release")]
    assert [jobs()[name].get("needs") for name in order] == [None, "dev", "staging", "release"]
    assert "2 equal" in company.job("dev")
    with pytest.raises(AssertionError, match="device-alerts: only in dev"):
        company.job("release")  # staging does not have what dev has
    assert "2 equal" in company.job("staging")
    company.job("release")
    assert "`vitals-guard` | is there | yes" in (company.folder.parent / "GITHUB_STEP_SUMMARY").read_text()
    assert "2 equal" in company.job("production")
    expected = {"dev": (128, "canary-dev"), "staging": (256, "canary-staging"), "production": (128, "canary-given")}
    for stack, (memory, key) in expected.items():
        guard, alerts = (company.plugins(stack)[name] for name in ("vitals-guard", "device-alerts"))
        assert (guard["memorySize"], guard["environmentVariables"]["API_KEY"]) == (memory, key)
        assert alerts["timeout"] == company.plugins("dev")["device-alerts"]["timeout"]
        assert alerts["environmentVariables"]["TOKEN"] == ("canary-dev" if stack == "dev" else "canary-given")
        assert "OLD" not in alerts["environmentVariables"]


def _drift_is_found_at_night_and_put_back(company: Company) -> None:
    company.job("drift", "production")
    company.platforms["production"].plugins.update("Plugin-vitals-guard", {"memorySize": 1024}, None, "http://x")
    company.job("drift", "production", code=1)
    printed = next(text for text in blocks("text") if text.startswith("vitals-guard: different"))
    assert printed in company.carry_out(9)[0]
    assert "2 equal" in company.carry_out(10)[1]
    # What is right goes from dev into the file of all; what a stack decides by itself does not.
    guard = company.folder / "plugins/vitals-guard/plugin.yaml"
    company.platforms["dev"].plugins.update("Plugin-vitals-guard", {"timeout": 5}, None, "http://x")
    company.carry_out(11)
    assert "timeout: 5\nmemorySize: 128\n" in guard.read_text()
    company.platforms["staging"].plugins.update("Plugin-vitals-guard", {"memorySize": 512}, None, "http://x")
    forced = blocks("sh")[11].replace("--stack dev", "--stack staging")
    left = company.run(forced, 3, **company.users["staging"])
    assert "memorySize: 256 here, 512 on the platform" in left
    assert "memorySize: 128\n" in guard.read_text()


def test_the_workflow_has_what_github_asks_for() -> None:
    for name, job in jobs().items():
        assert job["runs-on"] and job["environment"], name
        assert set(job) <= {"if", "needs", "strategy", "runs-on", "environment", "env", "steps"}
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))
