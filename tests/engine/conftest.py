"""Projects on which the real `pulumi` runs, against an embedded platform that the test can look into and change.

Each run of `pulumi` takes seconds of processor time, so tests that need the same start share a stack: a few runs with
many resources, each named after what it shows. A last `destroy` is a test of it; the folder goes anyway.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from biot_provider.api.client import Client
from biot_provider.config import Settings
from biot_provider.emulator import Platform

ROOT = Path(__file__).parents[2]
OURS = ("pulumi-python:dynamic/biot:", "biot:index:")
"""How the types of this project's resources begin in URNs: dynamic ones, and those of the native provider."""
PLUGINS = {"providers": [{"name": "biot", "path": str(Path(sys.prefix, "bin"))}]}
"""Where the engine finds the native provider."""
NATIVE = """
def declare(kind, resource_name, /, opts=None, **given):
    alias = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=f"pulumi-python:dynamic/biot:{kind}")])
    outputs = {"endpointUrl": None, "imageTag": None} if kind.startswith("Plugin") else {}
    given = outputs | given
    return type(kind, (pulumi.CustomResource,), {})(
        f"biot:index:{kind}", resource_name, given, pulumi.ResourceOptions.merge(opts, alias)
    )
"""
"""How a program declares a kind of the native provider, under its dynamic type's alias."""
HANDLER = "exports.handler = async () => ({ statusCode: 200 })\n"

Events = list[dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """What one run of `pulumi` left: exit code, texts and events."""

    code: int
    stdout: str
    stderr: str
    event_log: str = ""

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def succeeded(self) -> Result:
        """Itself, after checking that the run went well."""
        assert self.code == 0, self.output
        return self

    def failed(self, *texts: str) -> Result:
        """Itself, after checking that the run failed, said these texts, and showed no traceback and no defect."""
        assert self.code != 0, self.output
        for text in texts:
            assert text in self.output, f"{text!r} is not in:\n{self.output}"
        assert "Traceback" not in self.output, self.output
        assert "a defect of biot-provider" not in self.output, self.output
        return self

    @property
    def events(self) -> Events:
        return [json.loads(line) for line in self.event_log.splitlines()]

    @property
    def changes(self) -> dict[str, int]:
        """How many resources got which operation, the stack itself counted."""
        (summary,) = (event["summaryEvent"] for event in self.events if "summaryEvent" in event)
        return dict(summary["resourceChanges"] or {})

    @property
    def unchanged(self) -> bool:
        return set(self.changes) == {"same"}

    @property
    def steps(self) -> dict[str, list[str]]:
        """The operations on each of our resources by its name, in their order; `same` is none."""
        steps: dict[str, list[str]] = {}
        for event in self.events:
            step = event.get("resourcePreEvent", {}).get("metadata", {})
            if step.get("type", "").startswith(OURS) and step["op"] != "same":
                steps.setdefault(step["urn"].rpartition("::")[2], []).append(step["op"])
        return steps

    @property
    def refreshed(self) -> dict[str, dict[str, Any]]:
        """What the refresh of an `up` found, by the names of our resources: their outputs, where something differs."""
        steps = [event["resOutputsEvent"]["metadata"] for event in self.events if "resOutputsEvent" in event]
        ours = [step for step in steps if step["op"] == "refresh" and step["type"].startswith(OURS)]
        return {step["urn"].rpartition("::")[2]: step["new"]["outputs"] for step in ours if step.get("diffs")}

    @property
    def errors(self) -> set[str]:
        """The errors as the user reads them; Pulumi's own words for a failed step are reported beside them."""
        diagnostics = [event["diagnosticEvent"] for event in self.events if "diagnosticEvent" in event]
        errors = {entry["message"].strip() for entry in diagnostics if entry["severity"] == "error"}
        return errors - {"update failed", "preview failed", "Resource monitor has terminated, shutting down"}

    @property
    def error(self) -> str:
        """The one error there is."""
        (error,) = self.errors
        return error


class EmptyStacks:
    """The files of new stacks: `pulumi stack init` makes each name once, and every project gets copies."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._made: dict[str, dict[str, str]] = {}

    def files(self, project: str, stack: str) -> dict[str, str]:
        """Return the texts of the stack's settings and state by their paths beside a project."""
        if stack not in self._made:
            self._made[stack] = self._make(project, stack)
        return self._made[stack]

    def _make(self, project: str, stack: str) -> dict[str, str]:
        folder = self._folder / stack
        (folder / "state").mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": project, "runtime": "python"}))
        subprocess.run(
            ["pulumi", "stack", "init", stack, "--non-interactive"],
            cwd=folder,
            env=self._environment | {"PULUMI_BACKEND_URL": f"file://{folder / 'state'}"},
            capture_output=True,
            check=True,
        )
        kept = ("state/.pulumi/meta.yaml", f"state/.pulumi/stacks/{project}/{stack}.json")
        settings = (folder / f"Pulumi.{stack}.yaml").read_text()
        return {path: (folder / path).read_text() for path in kept} | {f"project/stacks/Pulumi.{stack}.yaml": settings}


@dataclass
class Project:
    """A Pulumi project in a folder of its own, with one platform beside it."""

    folder: Path
    environment: dict[str, str]
    empty_stacks: EmptyStacks
    stack: str = "dev"
    name: str = "shop"
    config: dict[str, Any] = field(default_factory=dict)
    _closing: ExitStack = field(default_factory=ExitStack)
    _runs: int = 0

    def __post_init__(self) -> None:
        self.root = self.folder / "project"
        self.root.mkdir(parents=True)
        (self.folder / "state").mkdir()
        self.platform_folder = self.folder / "platform"
        self.platform = self._closing.enter_context(Platform(self.platform_folder))
        self.config["biot:baseUrl"] = f"embedded:{self.platform_folder}"
        self.environment = self.environment | {"PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}"}
        self.use_venv(sys.prefix)

    def close(self) -> None:
        self._closing.close()

    def use_venv(self, venv: str) -> None:
        runtime = {"name": "python", "options": {"virtualenv": venv}}
        head = {"name": self.name, "runtime": runtime, "stackConfigDir": "stacks", "plugins": PLUGINS}
        self.file("Pulumi.yaml", yaml.safe_dump(head))

    def file(self, path: str, content: str | bytes = HANDLER) -> Path:
        """Write a file of the project."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secret ones in plain text."""
        shown = self.pulumi("stack", "output", "--json", "--show-secrets").succeeded()
        return dict(json.loads(shown.stdout))

    def program(self, text: str) -> None:
        """Write the program; `biot`, `os` and `pulumi` are imported."""
        self.file("__main__.py", f"import os\nimport pulumi\nimport biot_provider as biot\n{text}\n")

    def declare(self, plugins: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the program that declares these plugins, arguments as given; images they name are in the repository."""
        for tag in {given["image_tag"] for given in plugins.values() if given.get("image_tag")}:
            self.platform.images.add(tag)
        self.program("".join(f"biot.Plugin({name!r}, **{dict(given)!r})\n" for name, given in plugins.items()))

    def pulumi(self, *arguments: str, log: bool = False, stdin: str | None = None) -> Result:
        """Run the CLI in the project's stack."""
        self.prepare_stack()
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        self._runs += 1
        events = self.folder / f"events-{self._runs}.jsonl"
        if log:
            command += ["--event-log", str(events)]
        run = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | {"PULUMI_STACK": self.stack},
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=180,
        )
        return Result(run.returncode, run.stdout, run.stderr, events.read_text() if events.exists() else "")

    def up(self, *arguments: str) -> Result:
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, log=True)

    def preview(self, *arguments: str) -> Result:
        return self.pulumi("preview", *arguments, log=True)

    def refresh(self, *arguments: str) -> Result:
        return self.pulumi("refresh", "--yes", "--skip-preview", *arguments, log=True)

    def destroy(self, *arguments: str) -> Result:
        return self.pulumi("destroy", "--yes", "--skip-preview", *arguments, log=True)

    def set_secret(self, key: str, value: str) -> None:
        """Put an encrypted value into the stack's configuration."""
        self.prepare_stack()
        self.pulumi("config", "set", "--secret", key, stdin=value).succeeded()
        self.config |= yaml.safe_load(self._stack_file.read_text())["config"]

    def resources(self) -> dict[str, dict[str, Any]]:
        """Our resources in the state, by their names."""
        resources = json.loads(self.state_text()).get("resources") or []
        return {r["urn"].rpartition("::")[2]: r for r in resources if r["type"].startswith(OURS)}

    def state_text(self) -> str:
        """The stack's state as it is kept; when it was written is not part of it."""
        state = json.loads((self.folder / f"state/.pulumi/stacks/{self.name}/{self.stack}.json").read_text())
        deployment = state["checkpoint"]["latest"] or {}
        deployment.get("manifest", {}).pop("time", None)
        return json.dumps(deployment, indent=1)

    def stored_text(self) -> str:
        """Everything the backend keeps of all stacks: state, its history and its backups."""
        files = [path for path in (self.folder / "state").rglob("*") if path.is_file()]
        return "\n".join(path.read_text(errors="replace") for path in files)

    def shown(self, name: str) -> dict[str, Any]:
        """The plugin of this bare name as the platform shows it."""
        return self.platform.plugins.get(f"Plugin-{name}")

    def variables(self, name: str) -> dict[str, str]:
        """The variables a user gave the plugin, without the platform's and the provider's own."""
        variables = self.shown(name)["environmentVariables"]
        own = re.compile("BIOT_|PULUMI_BIOT_STAMP")
        return {key: value for key, value in variables.items() if not own.match(key)}

    def names(self) -> set[str]:
        """The bare names of all plugins the platform has."""
        return {plugin["name"] for plugin in self.platform.plugins.search({})["data"]}

    def deployed_files(self, name: str) -> dict[str, bytes]:
        """The files of the code the platform last got for a plugin."""
        code = self.platform.code(name)
        assert code is not None
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            return {path: archive.read(path) for path in archive.namelist()}

    def requests(self, *methods: str) -> list[dict[str, Any]]:
        """What was asked about plugins since the last `forget_requests`, oldest first."""
        asked = [entry for entry in self.platform.requests() if entry["path"].startswith("/settings/v2/plugins")]
        return [entry for entry in asked if not methods or entry["method"] in methods]

    def forget_requests(self) -> None:
        self.platform.request_log.clear()

    @property
    def _stack_file(self) -> Path:
        return self.root / f"stacks/Pulumi.{self.stack}.yaml"

    def prepare_stack(self) -> None:
        """Make the stack when it is first used, and write its configuration beside the salt that the file holds."""
        if not self._stack_file.exists():
            for path, text in self.empty_stacks.files(self.name, self.stack).items():
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_text(text)
        settings = yaml.safe_load(self._stack_file.read_text())
        self._stack_file.write_text(yaml.safe_dump(settings | {"config": self.config}))


@pytest.fixture(scope="session")
def engine() -> str:
    """The folder of the Pulumi CLI."""
    ensure = [sys.executable, str(ROOT / "tools/engine/ensure.py")]
    found = subprocess.run(ensure, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@pytest.fixture(scope="session")
def pulumi_environment(engine: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This machine's environment without settings of Pulumi's or ours, and with a home of its own for Pulumi."""
    ours = re.compile("PULUMI_|BIOT_|PYTHON|VIRTUAL_ENV|PYTEST_|COVERAGE|COV_")
    return {key: value for key, value in os.environ.items() if not ours.match(key)} | {
        "PATH": f"{engine}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DEBUG_COMMANDS": "1",  # makes --event-log known
        "PULUMI_HOME": str(tmp_path_factory.mktemp("pulumi-home")),
        "BIOT_CACHE_DIR": str(tmp_path_factory.mktemp("biot-cache")),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture(scope="session")
def empty_stacks(pulumi_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> EmptyStacks:
    return EmptyStacks(tmp_path_factory.mktemp("empty-stacks"), pulumi_environment)


@pytest.fixture(scope="session")
def new_project(
    pulumi_environment: dict[str, str], empty_stacks: EmptyStacks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Project]]:
    """Makes projects, each with the code of one plugin in `plugins/hello`."""
    with ExitStack() as closing:

        def make() -> Project:
            project = Project(tmp_path_factory.mktemp("engine"), pulumi_environment, empty_stacks)
            closing.callback(project.close)
            project.file("plugins/hello/index.js")
            return project

        yield make


@pytest.fixture
def project(new_project: Callable[[], Project]) -> Project:
    """A project of one test."""
    return new_project()


@pytest.fixture
def api(project: Project) -> Iterator[Client]:
    """Somebody else on the project's platform."""
    client = Client.connect(Settings(f"embedded:{project.platform_folder}"))
    yield client
    client.close()
