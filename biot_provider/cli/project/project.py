"""The Pulumi project in a folder: its file, its program, its stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biot_provider.cli.errors import CommandError
from biot_provider.errors import InputError

PROJECT_FILES = ("Pulumi.json", "Pulumi.yaml", "Pulumi.yml")
"""What makes a folder a project, in the order in which Pulumi takes one of them."""


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
    """Return the project of this folder or of the nearest one above it. Raises CommandError."""
    for folder in (start, *start.parents):
        for name in PROJECT_FILES:
            if (folder / name).is_file():
                return Project(folder / name, read_map(folder / name))
    raise CommandError(
        "no Pulumi.yaml here or above: go to the project's folder, or run `biot-provider init`", "BIOT-8004"
    )


def read_map(file: Path) -> Mapping[str, Any]:
    """Read a YAML file that holds a map; an empty file is an empty map. Raises CommandError."""
    # Imported here, so that a command's help starts without PyYAML.
    from biot_provider.plugin.manifest.yaml_file import read_yaml

    try:
        content = read_yaml(file, file.name)
    except InputError as error:
        raise CommandError(f"{error.text}: correct it", error.message_code) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise CommandError(f"{file.name} is not a map: correct it", "BIOT-8006")
    return content
