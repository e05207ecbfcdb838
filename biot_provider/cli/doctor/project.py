"""Checks of this machine: the Pulumi engine, the project in this folder, the plugins it describes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from biot_provider.cli.doctor.report import NoteError
from biot_provider.cli.errors import CommandError
from biot_provider.cli.project.configuration import without_ciphers
from biot_provider.cli.project.engine import ENGINE, INSTALL, run_engine
from biot_provider.cli.project.project import Project
from biot_provider.errors import InputError

PARTS = ("pulumi-language-python", "pulumi-resource-pulumi-python")
"""Executables that a Python program with dynamic resources needs beside the engine."""


def engine(*, is_python: bool = True) -> str:
    """Check the engine on PATH, and the parts that a Python program needs; return its version. Raises CommandError."""
    found = shutil.which(ENGINE)
    if found is None:
        raise CommandError(f"there is no {ENGINE} on PATH: {INSTALL}", "BIOT-8012")
    # The engine also looks in the folder of its executable.
    beside = Path(os.path.realpath(found)).parent
    missing = [
        part
        for part in (PARTS if is_python else ())
        if not shutil.which(part) and not os.access(beside / part, os.X_OK)
    ]
    if missing:
        raise CommandError(f"{found} has no {' and no '.join(missing)}: {INSTALL}", "BIOT-8013")
    host = ", with its Python language host" if is_python else ""
    return f"{ENGINE} {run_engine('version')}{host}"


def check_project(found: Project) -> str:
    """Check the program, the virtual environment and the stacks of a project.

    Raises CommandError, and NoteError where the program is in another language.
    """
    if not found.content.get("runtime"):
        raise CommandError(f"{found.file.name} has no runtime: set it to python", "BIOT-8018")
    if found.runtime != "python":
        raise NoteError(f"{found.name}: its runtime is {found.runtime}: only a Python program is checked", None)
    program = found.program
    if not program.is_file():
        raise CommandError(
            f"there is no program {found.shown(program)}: write it, or correct main in {found.file.name}", "BIOT-8018"
        )
    runtime = found.content["runtime"]
    options = runtime.get("options") if isinstance(runtime, dict) else None
    virtual = options.get("virtualenv") if isinstance(options, dict) else None
    if virtual and not (found.folder / str(virtual)).is_dir():
        raise CommandError(f"there is no virtual environment {virtual!r}: make it with `pulumi install`", "BIOT-8020")
    stacks = found.stack_names()
    if not stacks:
        raise CommandError(
            f"there is no stack in {found.shown(found.stacks)}: run `pulumi stack init dev`", "BIOT-8005"
        )
    return f"{found.name}: {found.shown(program)}, stacks {', '.join(stacks)}"


def plugins(folder: Path, overrides: Any, program: Path | None = None) -> str:
    """Check every plugin.yaml below the folder, merged with the stack's overrides. Raises CommandError.

    A folder without any may hold the code of what the program declares one by one, if that reads no folder.
    """
    # Imported here: it loads the plugin's models, which only this check needs.
    from biot_provider.plugin.manifest.fleet import read_fleet

    shown = Path(os.path.relpath(folder))
    if not folder.is_dir() and not overrides:
        return f"there is no folder {str(shown)!r}, so the program describes its plugins itself"
    if not overrides and program is not None and not any(folder.glob("*/plugin.*")) and not _reads_folder(program):
        return f"there is no plugin.yaml in {str(shown)!r}, so the program describes its plugins itself"
    try:
        fleet = read_fleet(shown, without_ciphers(overrides or {}))
    except InputError as error:
        raise CommandError("; ".join(str(error).splitlines()), None) from None
    if not fleet:
        raise CommandError(f"there is no plugin in {str(shown)!r}: add a folder with a plugin.yaml", "BIOT-2157")
    return f"{len(fleet)} described in {str(shown)!r}: {', '.join(fleet)}"


def _reads_folder(program: Path) -> bool:
    try:
        return "declare_plugins" in program.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
