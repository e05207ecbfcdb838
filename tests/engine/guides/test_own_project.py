"""A project of one's own: the wheel in a fresh environment, the guide's commands, `init` and its workflow."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import biot_provider
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

from ..conftest import ROOT

GUIDE = (ROOT / "docs/guides/your-project.md").read_text()
(BACKEND,) = re.findall(r"^export PULUMI.*$", GUIDE, re.MULTILINE)


def blocks(heading: str) -> list[tuple[str, str]]:
    """The language and the text of each block of code in the sections whose heading begins so."""
    sections = re.split(r"^## ", GUIDE, flags=re.MULTILINE)
    text = "".join(section for section in sections if section.startswith(heading))
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@dataclass
class Machine:
    """A folder, and a shell on a machine with Python, the Pulumi CLI and this project's wheel on its package index."""

    folder: Path
    environment: dict[str, str]

    def shell(self, text: str, cwd: Path | None = None, **more: str) -> str:
        """Run the commands in a shell without a terminal; gives all that they print."""
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=cwd or self.folder,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert run.returncode == 0, text + run.stdout
        return run.stdout

    def plugins(self, data: Path) -> dict[str, int]:
        """The plugins that a platform has, with their versions."""
        with Platform(data) as platform:
            return {row["name"]: row["version"] for row in platform.plugins.search({})["data"]}


@pytest.fixture
def machine(pulumi_environment: dict[str, str], tmp_path: Path) -> Machine:
    folder = tmp_path
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "index")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    # The versions of the lock file; a file of hashes would want one of the wheel too.
    locked = re.findall(r"^[\w.\[\]-]+==.*?(?= \\?$)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(locked))
    (folder / "bin").mkdir()
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    (folder / "bin/python3").symlink_to(python)
    (folder / "bin/python").symlink_to(python)
    environment = pulumi_environment | {
        "PATH": os.pathsep.join([str(folder / "bin"), pulumi_environment["PATH"]]),
        "PIP_FIND_LINKS": str(folder / "index"),
        "PIP_CONSTRAINT": str(folder / "constraints.txt"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PULUMI_SKIP_CONFIRMATIONS": "true",  # nobody is there to say yes
    }
    environment.pop("PULUMI_CONFIG_PASSPHRASE")
    environment.pop("DISPLAY", None)
    return Machine(folder, environment)


@pytest.mark.story
@pytest.mark.timeout(1500)  # pip installs the wheel and all that it needs
def test_the_guide_leads_to_a_deployed_plugin(machine: Machine) -> None:
    folder = machine.folder / "my-plugins"
    _its_first_three_sections_deploy_the_plugin(machine, folder)
    _a_change_is_deployed_and_no_change_is_unchanged(machine, folder)
    _the_platform_is_looked_at(machine, folder)
    _the_commands_of_the_wheel_start(machine, folder)
    _a_platform_of_ones_own_is_deployed_to(machine, folder)
    _a_project_that_exists_gets_a_plugin(machine, folder)


def _its_first_three_sections_deploy_the_plugin(machine: Machine, folder: Path) -> None:
    script = ""
    for kind, text in blocks("1.") + blocks("2.") + blocks("3."):
        name = re.match("# (.*)\n", text)
        if kind != "sh" and name:
            script += f"mkdir -p $(dirname {name[1]}); cat > {name[1]} <<'END'\n{text}END\n"
        elif kind != "text":
            script += text
    output = machine.shell(script)
    program = (folder / "__main__.py").read_text()
    assert len([line for line in program.splitlines() if line and not line.startswith("#")]) == 8
    assert re.search(r"\+ +pulumi-python:dynamic/biot:Plugin hello created", output)
    assert machine.plugins(folder / ".biot/local") == {"hello": 1}
    assert (folder / ".pulumi").is_dir()
    # It is the wheel that ran, not this tree.
    where = machine.shell(".venv/bin/python -c 'import biot_provider; print(biot_provider.__file__)'", folder)
    assert str(folder / ".venv") in where


def _a_change_is_deployed_and_no_change_is_unchanged(machine: Machine, folder: Path) -> None:
    assert "unchanged" in machine.shell(f"{BACKEND}; pulumi preview --expect-no-changes", folder)
    code = folder / "plugins/hello/index.py"
    code.write_text(code.read_text().replace("Hello", "Hi"))
    machine.shell(f"{BACKEND}; pulumi up", folder)
    assert machine.plugins(folder / ".biot/local") == {"hello": 2}


def _the_platform_is_looked_at(machine: Machine, folder: Path) -> None:
    ((_, text),) = blocks("4.")
    command = [str(folder / ".venv/bin" / text.split()[0]), *text.split()[1:], "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=machine.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            console = [process.stdout.readline() for _ in range(4)][-1]
            assert re.match(r"Its console is at http://127\.0\.0\.1:\d+/#key=", console)
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 130


def _the_commands_of_the_wheel_start(machine: Machine, folder: Path) -> None:
    bin_ = folder / ".venv/bin"
    assert "init" in machine.shell(f"{bin_}/biot-provider --help")
    with subprocess.Popen([bin_ / "pulumi-resource-biot", "127.0.0.1:1"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip().isdecimal()  # the port, as the engine wants it
        finally:
            process.terminate()


def _a_platform_of_ones_own_is_deployed_to(machine: Machine, folder: Path) -> None:
    with Platform(machine.folder / "own") as platform, running(machine.folder / "own") as address:
        user, key = platform.add_service_user()
        ((_, commands),) = blocks("On your own")
        commands = commands.replace("https://api.dev.acme.biot-med.com", address).replace("<id>", user)
        commands = commands.replace("read -rs", f"<<<{key} read -rs")
        output = machine.shell(f". .venv/bin/activate\n{BACKEND}\n{commands}", folder)
        assert "logged in" in output
        assert key not in output
        assert [row["name"] for row in platform.plugins.search({})["data"]] == ["hello"]


def _a_project_that_exists_gets_a_plugin(machine: Machine, first: Path) -> None:
    folder = machine.folder / "existing"
    shutil.copytree(first, folder, ignore=shutil.ignore_patterns(".*", "hello"))
    (folder / ".venv").symlink_to(first / ".venv")
    (_, commands), (_, program) = blocks("In a Pulumi project")
    (folder / "__main__.py").write_text(program)
    machine.shell(f". .venv/bin/activate\n{commands}", folder)
    machine.shell(f"{BACKEND}\npulumi stack init test\npulumi config set biot:baseUrl embedded\npulumi up", folder)
    assert machine.plugins(folder / ".biot/test") == {"vitals-watch": 1}


@pytest.mark.story
@pytest.mark.timeout(1500)
def test_what_init_writes_is_deployed_by_the_commands_that_it_prints_and_by_its_workflow(machine: Machine) -> None:
    ((_, init),) = blocks("All at once")
    first, second = (machine.folder / name for name in ("Plugins, of ours", "second"))
    for folder in (first, second):
        folder.mkdir()

    commands = _printed_commands(machine.shell(f"{sys.prefix}/bin/{init}", first))
    assert "pip install" in commands
    _the_commands_deploy(machine, first, commands)
    (second / ".venv").symlink_to(first / ".venv")
    commands = _printed_commands(machine.shell(f".venv/bin/{init}", second))
    assert "pip install" not in commands
    _the_commands_deploy(machine, second, commands)
    _a_second_time_changes_nothing(machine, second, f".venv/bin/{init}", commands)

    _the_workflow_previews_and_deploys(machine, first)


def _printed_commands(output: str) -> str:
    lines = output.splitlines()
    assert lines[-3] == "next:"
    return "\n".join(line.strip() for line in lines[-2:])


def _the_commands_deploy(machine: Machine, folder: Path, commands: str) -> None:
    shown = machine.shell(commands, folder)
    assert re.search(r"\+ +pulumi-python:dynamic/biot:Plugin hello created", shown)
    assert machine.plugins(folder / ".biot/local") == {"hello": 1}


def _a_second_time_changes_nothing(machine: Machine, folder: Path, init: str, commands: str) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".venv" not in path.parts}
    assert _printed_commands(machine.shell(init, folder)) == commands
    for path, content in before.items():
        assert path.read_bytes() == content, path
    assert "unchanged" in machine.shell(f"{BACKEND}; pulumi preview --expect-no-changes", folder)


# -- the workflow that `init` writes


def evaluated(text: str, scopes: Mapping[str, Mapping[str, str]]) -> str:
    return re.sub(r"\$\{\{ (\w+)\.(\w+) \}\}", lambda found: scopes[found[1]].get(found[2], ""), text)


def carry_out(machine: Machine, folder: Path, job_name: str, stack: str, user: tuple[str, str]) -> str:
    """Do what a job of the workflow does, on GitHub's side too."""
    job: dict[str, Any] = yaml.safe_load((folder / ".github/workflows/plugins.yml").read_text())["jobs"][job_name]
    scopes = {
        "vars": {"BIOT_SERVICE_ID": user[0], "PULUMI_BACKEND_URL": f"file://{machine.folder}/bucket"},
        "secrets": {"BIOT_SERVICE_SECRET_KEY": user[1], "PULUMI_CONFIG_PASSPHRASE": "of the team"},
        "matrix": {"stack": stack},
    }
    path = machine.folder / "github-path"
    path.write_text("")
    env = {str(name): evaluated(str(value), scopes) for name, value in job["env"].items()}
    output = ""
    for step in job["steps"]:
        if "run" in step:
            more = "".join(f"{line}:" for line in path.read_text().splitlines())
            env |= {"PATH": more + machine.environment["PATH"], "GITHUB_PATH": str(path), "GITHUB_JOB": job_name}
            output += machine.shell(evaluated(step["run"], scopes), folder, **env)
        else:
            assert re.fullmatch(r"(actions/checkout|actions/setup-python|pulumi/actions)@v\d+", step["uses"])
    return output


def _the_workflow_previews_and_deploys(machine: Machine, folder: Path) -> None:
    carry_out(machine, folder, "local", "local", ("", ""))
    assert machine.plugins(folder / ".biot/local") == {"hello": 1}

    (machine.folder / "bucket").mkdir()
    team = {"PULUMI_BACKEND_URL": f"file://{machine.folder}/bucket", "PULUMI_CONFIG_PASSPHRASE": "of the team"}
    with Platform(machine.folder / "dev") as platform, running(machine.folder / "dev") as address:
        machine.shell(f"pulumi stack init dev; pulumi config set --stack dev biot:baseUrl {address}", folder, **team)
        reader = platform.add_service_user(["SETTINGS_PLUGIN_GET", "SETTINGS_PLUGIN_SEARCH"])
        preview = carry_out(machine, folder, "preview", "dev", reader)
        assert "2 to create" in preview
        assert platform.plugins.search({})["data"] == []
        deployed = carry_out(machine, folder, "dev", "dev", platform.add_service_user())
        assert "2 created" in deployed
        assert [row["name"] for row in platform.plugins.search({})["data"]] == ["hello"]


def test_the_workflow_deploys_one_stack_after_the_other_and_only_where_it_is_set_up() -> None:
    workflow = yaml.safe_load((Path(biot_provider.__file__).parent / "starters/project/workflow.yml").read_text())
    jobs = workflow["jobs"]
    assert set(workflow[True]) == {"pull_request", "push"}  # YAML 1.1 reads the key `on` as true
    assert [(name, job.get("needs"), job.get("environment")) for name, job in jobs.items()] == [
        ("local", None, None),
        ("preview", None, "${{ matrix.stack }}-preview"),
        ("dev", "local", "dev"),
        ("staging", "dev", "staging"),
        ("production", "staging", "production"),
    ]
    assert jobs["preview"]["if"] == "github.event_name == 'pull_request' && vars.PULUMI_BACKEND_URL"
    assert jobs["dev"]["if"] == "github.event_name == 'push' && vars.PULUMI_BACKEND_URL"
    assert jobs["dev"]["steps"] == jobs["staging"]["steps"] == jobs["production"]["steps"]


def test_the_description_on_the_package_index_has_the_guides_program() -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "PYPI.md").read_text(), re.MULTILINE | re.DOTALL)
    guide = "".join(text for kind, text in blocks("2.") if "__main__.py" in text)
    shown = {line.partition("  #")[0] for line in program.splitlines()}
    assert shown - {line.partition("  #")[0] for line in guide.splitlines()} == set()
