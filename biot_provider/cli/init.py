"""`biot-provider init`: a Pulumi project with a first plugin, its stacks and a workflow.

It is written into the folder it is called in, which may be empty or not. What is there stays as it is: a file that
differs is named, with what it lacks. A folder that is a Pulumi project already is not written to at all. The project's
files are in `biot_provider/starters/project`, the plugin is the starter of `biot-provider new`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import click

from biot_provider.cli.commands import Command
from biot_provider.cli.console import counted, print_result
from biot_provider.cli.errors import CommandError, WrongUsageError
from biot_provider.cli.files import NewFile, write_files
from biot_provider.cli.new import (
    DEFAULT,
    NODEJS,
    PYTHON,
    STARTERS,
    default_runtime,
    replaced,
    runtime_problem,
    starter_files,
    starter_of,
)
from biot_provider.cli.project.project import PROJECT_FILES

PLUGIN = "hello"
"""The name of the first plugin."""
PLUGINS = "plugins"
PROGRAM, REQUIREMENTS, IGNORED = "__main__.py", "requirements.txt", ".gitignore"
WORKFLOW = ".github/workflows/plugins.yml"
_LOCAL_STACK = "stacks/Pulumi.local.yaml"
DECLARATION = 'biot.declare_plugins("plugins")'

_ELSEWHERE = {"gitignore": IGNORED, "workflow.yml": WORKFLOW}
"""Where files of the starter go that do not lie there under their own names."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""What Pulumi takes as the name of a project."""
_TAKEN = "biot"
"""The namespace of the provider's configuration, which a project of this name would share."""
_INSTALL = "https://www.pulumi.com/docs/install/"
_VENV = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
_LOCAL = 'export PULUMI_BACKEND_URL="file://$PWD" PULUMI_CONFIG_PASSPHRASE='
_UP = "pulumi stack select local --create && pulumi up --yes"


@click.command(
    "init",
    cls=Command,
    help="Write a Pulumi project with a first plugin and stacks.",
    exit_codes={0: "the project is written, or is there", 1: "nothing is written", 2: "wrong usage, name or runtime"},
)
@click.option("--name", metavar="NAME", help="the project's name (default: that of this folder)")
@click.option(
    "--runtime",
    metavar="RUNTIME",
    help=f"of the first plugin, such as {PYTHON.runtime} or {NODEJS.runtime} (default: {DEFAULT})",
)
def command(name: str | None, runtime: str | None) -> int:
    """Write the project into the current folder."""
    return initialize(Path.cwd(), name, runtime)


def initialize(folder: Path, name: str | None = None, runtime: str | None = None) -> int:
    """Write the project; the exit code is 0. Raises WrongUsageError for a wrong name or runtime, and CommandError."""
    runtime = runtime or default_runtime()
    problem = _name_problem(name) or runtime_problem(runtime)
    if problem is not None:
        raise WrongUsageError(problem, "BIOT-8070")
    if any(os.path.lexists(folder / file) for file in PROJECT_FILES):
        _report_project(folder)
        return 0
    files = _files(name or project_name(folder.resolve().name), runtime, with_plugin=not _has_plugins(folder))
    there = [place for place in files if os.path.lexists(folder / place)]
    new = {place: text for place, text in files.items() if place not in there}
    _refuse_links_out_of(folder, new)
    write_files(NewFile(folder / place, text) for place, text in new.items())
    print_result(f"{folder.resolve().name}: a Pulumi project, {counted(len(new), 'file')} written")
    _print_table(_overview(new))
    left = {place: _lacks(folder, place, files[place]) for place in there}
    if any(lacks is not None for lacks in left.values()):
        print_result("left as they were:")
        _print_table((place, lacks) for place, lacks in left.items() if lacks is not None)
    root = _repository(folder)
    if WORKFLOW in new and root is not None and root != folder:
        print_result(f"GitHub reads workflows at the root of a repository only: move {WORKFLOW} to {root},")
        print_result(f"and set its defaults.run.working-directory to {folder.relative_to(root).as_posix()}")
    _print_next_steps(folder)
    return 0


def project_name(folder_name: str) -> str:
    """Return a folder's name as Pulumi takes it for a project's."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder_name).strip("-.")[:100]
    return name if name and name != _TAKEN else "biot-plugins"


def _name_problem(name: str | None) -> str | None:
    if name is None or (_NAME.fullmatch(name) and name != _TAKEN):
        return None
    if name == _TAKEN:
        return f"the project's name must not be {_TAKEN}, the namespace of the provider's own configuration"
    return f"the project's name must be 1 to 100 letters, digits, -, _ and ., not {name!r}"


def _files(project: str, runtime: str, *, with_plugin: bool) -> dict[str, str]:
    """Return the text of each file of the project by its place, with slashes."""
    from biot_provider._version import __version__

    replacements = {"my-project": project, "my-plugin": PLUGIN, "==0.0.0": f"=={__version__}"}
    own = STARTERS / "project"
    found = {}
    for name in ("Pulumi.yaml", PROGRAM, REQUIREMENTS, "gitignore", *_stacks(own), "workflow.yml"):
        found[_ELSEWHERE.get(name, name)] = replaced((own / name).read_text(encoding="utf-8"), replacements)
    if with_plugin:
        place = PurePosixPath(PLUGINS, PLUGIN)
        texts = starter_files(starter_of(runtime), place, PLUGIN, runtime)
        found |= {f"{place}/{name}": text for name, text in texts.items()}
    return found


def _stacks(starter: Path) -> list[str]:
    return [f"stacks/{file.name}" for file in sorted((starter / "stacks").glob("Pulumi.*.yaml"))]


def _has_plugins(folder: Path) -> bool:
    return any((folder / PLUGINS).glob("*/plugin.y*ml"))


def _refuse_links_out_of(folder: Path, places: Iterable[str]) -> None:
    """Raise CommandError where a file would be written through a link into a folder that is not the project's."""
    below = {parent for place in places for parent in PurePosixPath(place).parents}
    out = {place for place in below if not (folder / place).resolve().is_relative_to(folder.resolve())}
    links = sorted(str(place) for place in out if place.parent not in out)
    if links:
        raise CommandError(
            f"{', '.join(links)} cannot be written (a link that leads out of this folder): nothing is written",
            "BIOT-8003",
        )


def _overview(written: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    meanings = {
        "Pulumi.yaml": "the project; its program runs in .venv",
        PROGRAM: "declares every plugins/*/plugin.yaml",
        REQUIREMENTS: "what .venv holds",
        IGNORED: "what is of this machine alone",
        "stacks/": "what differs: local, dev, staging, production",
        WORKFLOW: "previews pull requests, deploys merges",
        f"{PLUGINS}/{PLUGIN}/": "a plugin that verifies BioT's tokens",
    }
    for place, meaning in meanings.items():
        if any(name == place or (place.endswith("/") and name.startswith(place)) for name in written):
            yield place, meaning


def _lacks(folder: Path, place: str, text: str) -> str | None:
    """Return what a file that is there lacks, empty where nobody can say; None where it says all that it should."""
    try:
        own = (folder / place).read_text(encoding="utf-8")
    except (OSError, ValueError):
        own = ""
    if own == text:
        return None
    if place == IGNORED:
        patterns = [line for line in text.splitlines() if not line.startswith("#")]
        missing = [pattern for pattern in patterns if pattern not in own.splitlines()]
        return f"add {' '.join(missing)}" if missing else None
    if place == REQUIREMENTS:
        return None if "biot-provider" in own else f"add {text.splitlines()[-1]}"
    if place == PROGRAM:
        return None if "biot_provider" in own else f"add: import biot_provider as biot; {DECLARATION}"
    return ""


def _report_project(folder: Path) -> None:
    """Say what the project in the folder lacks of what a new one would have."""
    file = next(file for file in PROJECT_FILES if os.path.lexists(folder / file))
    print_result(f"{file} is there: this folder is a Pulumi project already, so nothing is written")
    files = _files("my-project", PYTHON.runtime, with_plugin=False)
    lacking = [(place, _lacks(folder, place, files[place])) for place in (REQUIREMENTS, PROGRAM, IGNORED)]
    wanted = [(place, lacks) for place, lacks in lacking if lacks]
    language = _language(folder / file)
    if language != "python":
        print_result(f"its program is in {language}: declare biot.Plugin of the native provider, pulumi-resource-biot")
        wanted = []
    if not _has_plugins(folder):
        wanted.append((f"{PLUGINS}/", f"add a plugin: biot-provider new {PLUGIN}"))
    if wanted:
        print_result("plugins need in it:")
        _print_table(wanted)
    if (folder / _LOCAL_STACK).is_file():
        _print_next_steps(folder)
    else:
        print_result("next:")
        print_result("  pulumi config set biot:baseUrl embedded  # or your platform's address")
        print_result("  pulumi preview")


def _language(file: Path) -> str:
    """Return the runtime that a project's file names; Python where it cannot be read."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        content = None
    runtime = content.get("runtime") if isinstance(content, dict) else None
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    return name if isinstance(name, str) else "python"


def _repository(folder: Path) -> Path | None:
    """Return the root of the git repository that the folder is in, None for none."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _print_next_steps(folder: Path) -> None:
    if shutil.which("pulumi") is None:
        print_result(f"pulumi is not on the PATH: {_INSTALL}")
    print_result("next:")
    if Path(sys.prefix).resolve() == (folder / ".venv").resolve():
        print_result(f"  {_LOCAL}")
        print_result(f"  {_UP}")
    else:
        print_result(f"  {_VENV}")
        print_result(f"  {_LOCAL} && {_UP}")


def _print_table(rows: Iterable[tuple[str, str]]) -> None:
    shown = list(rows)
    width = max(len(place) for place, _ in shown)
    for place, text in shown:
        print_result(f"  {place:{width}}  {text}".rstrip())
