"""Checks of this machine: the Pulumi engine, the project in this folder, the plugins it describes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biot_provider.errors import InputError
from biot_provider.plugin.manifest.yaml_file import read_yaml

from ..findings import Note, Problem

ENGINE = "pulumi"
PARTS = ("pulumi-language-python", "pulumi-resource-pulumi-python")
"""Executables that a Python program with dynamic resources needs beside the engine."""
INSTALL = "install Pulumi (https://www.pulumi.com/docs/install/) so that it is on PATH"

_ENGINE_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Project:
    """A folder with a Pulumi.yaml, and the content of that file."""

    file: Path
    content: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """The project's folder, which its relative paths start from."""
        return self.file.parent

    @property
    def program(self) -> Path:
        """The file of a program in Python, whether it is there or not."""
        main = self.folder / str(self.content.get("main") or "")
        return main / "__main__.py" if main.is_dir() else main

    @property
    def name(self) -> str:
        """The project's name, which is the namespace of its configuration."""
        return str(self.content.get("name", ""))

    @property
    def runtime(self) -> str:
        """The language host that runs the program, such as ``python``."""
        runtime = self.content.get("runtime")
        return str(runtime.get("name") if isinstance(runtime, dict) else runtime)

    @property
    def stacks(self) -> Path:
        """The folder of the stacks' configuration files."""
        return self.folder / str(self.content.get("stackConfigDir") or "")

    def stack_file(self, stack: str) -> Path:
        """Return the configuration file of a stack; the name may include organization and project."""
        return self.stacks / f"{self.file.stem}.{stack.rpartition('/')[2]}{self.file.suffix}"

    def stack_names(self) -> list[str]:
        """Return the stacks that have a configuration file."""
        files = sorted(self.stacks.glob(f"{self.file.stem}.*{self.file.suffix}"))
        return [file.name.removeprefix(f"{self.file.stem}.").removesuffix(self.file.suffix) for file in files]

    def shown(self, path: Path) -> str:
        """Return a path as the user would type it in the project's folder."""
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)


def find_project(start: Path) -> Project:
    """Return the project of this folder or of the nearest one above it. Raises Problem."""
    for folder in (start, *start.parents):
        for name in ("Pulumi.yaml", "Pulumi.yml"):
            if (folder / name).is_file():
                return Project(folder / name, read_map(folder / name))
    raise Problem("no Pulumi.yaml here or above: go to the project's folder, or run `biot-provider init`", "BIOT-8004")


def read_map(file: Path) -> Mapping[str, Any]:
    """Read a YAML file that holds a map; an empty file is an empty map. Raises Problem."""
    try:
        content = read_yaml(file, file.name)
    except InputError as error:
        raise Problem(f"{error.text}: correct it", error.message_code) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Problem(f"{file.name} is not a map: correct it", "BIOT-8006")
    return content


def engine(*, is_python: bool = True) -> str:
    """Check the engine on PATH, and the parts that a Python program needs; return its version. Raises Problem."""
    found = shutil.which(ENGINE)
    if found is None:
        raise Problem(f"there is no {ENGINE} on PATH: {INSTALL}", "BIOT-8012")
    # The engine also looks in the folder of its executable.
    beside = Path(os.path.realpath(found)).parent
    missing = [
        part
        for part in (PARTS if is_python else ())
        if not shutil.which(part) and not os.access(beside / part, os.X_OK)
    ]
    if missing:
        raise Problem(f"{found} has no {' and no '.join(missing)}: {INSTALL}", "BIOT-8013")
    host = ", with its Python language host" if is_python else ""
    return f"{ENGINE} {run_engine('version')}{host}"


def run_engine(*arguments: str, folder: Path | None = None, seconds: float = _ENGINE_TIMEOUT_SECONDS) -> str:
    """Run a command of the engine and return its output. Raises Problem."""
    command = [ENGINE, *arguments]
    shown = " ".join(command)
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        run = subprocess.run(  # noqa: S603  (a fixed command of the engine)
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise Problem(f"`{shown}` does not end within {seconds:.0f} s: run it by hand", "BIOT-8014") from None
    except OSError as error:
        raise Problem(f"`{shown}` cannot be run ({reason(error)}): {INSTALL}", "BIOT-8014") from None
    if run.returncode:
        lines = [line for line in run.stderr.splitlines() if line.strip()]
        raise Problem(f"`{shown}` fails: {lines[-1].strip() if lines else 'run it by hand to see why'}", "BIOT-8014")
    return run.stdout.strip()


def check_project(found: Project) -> str:
    """Check the program, the virtual environment and the stacks of a project.

    Raises Problem, and Note where the program is in another language.
    """
    if not found.content.get("runtime"):
        raise Problem(f"{found.file.name} has no runtime: set it to python", "BIOT-8018")
    if found.runtime != "python":
        raise Note(f"{found.name}: its runtime is {found.runtime}: only a Python program is checked", None)
    program = found.program
    if not program.is_file():
        raise Problem(
            f"there is no program {found.shown(program)}: write it, or correct main in {found.file.name}", "BIOT-8018"
        )
    runtime = found.content["runtime"]
    options = runtime.get("options") if isinstance(runtime, dict) else None
    virtual = options.get("virtualenv") if isinstance(options, dict) else None
    if virtual and not (found.folder / str(virtual)).is_dir():
        raise Problem(f"there is no virtual environment {virtual!r}: make it with `pulumi install`", "BIOT-8020")
    stacks = found.stack_names()
    if not stacks:
        raise Problem(f"there is no stack in {found.shown(found.stacks)}: run `pulumi stack init dev`", "BIOT-8005")
    return f"{found.name}: {found.shown(program)}, stacks {', '.join(stacks)}"


def plugins(folder: Path, overrides: Any, program: Path | None = None) -> str:
    """Check every plugin.yaml below the folder, merged with the stack's overrides. Raises Problem.

    A folder without any may hold the code of what the program declares one by one, if that reads no folder.
    """
    # Imported here: it loads Pulumi's SDK, which only this check needs.
    from biot_provider.plugin.manifest.fleet import read_fleet

    shown = Path(os.path.relpath(folder))
    if not folder.is_dir() and not overrides:
        return f"there is no folder {str(shown)!r}, so the program describes its plugins itself"
    if not overrides and program is not None and not any(folder.glob("*/plugin.*")) and not _reads_folder(program):
        return f"there is no plugin.yaml in {str(shown)!r}, so the program describes its plugins itself"
    try:
        fleet = read_fleet(shown, without_ciphers(overrides or {}))
    except InputError as error:
        raise Problem("; ".join(str(error).splitlines()), None) from None
    if not fleet:
        raise Problem(f"there is no plugin in {str(shown)!r}: add a folder with a plugin.yaml", "BIOT-2157")
    return f"{len(fleet)} described in {str(shown)!r}: {', '.join(fleet)}"


def _reads_folder(program: Path) -> bool:
    try:
        return "declare_plugins" in program.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True


def without_ciphers(value: Any) -> Any:
    """Return a configuration value with a placeholder for each encrypted part."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return "encrypted"
        return {key: without_ciphers(member) for key, member in value.items()}
    return [without_ciphers(member) for member in value] if isinstance(value, list) else value


def reason(error: Exception) -> str:
    """Return the system's reason for an error."""
    return getattr(error, "strerror", None) or type(error).__name__
