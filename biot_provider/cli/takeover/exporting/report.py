"""What `export` prints: what became of each file, what differs, what the program must contain, what follows."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from biot_provider.cli.console import counted, print_paragraph, print_problem, print_result
from biot_provider.cli.takeover.exporting.manifests import DIFFERENT, NEW, UNCHANGED, Manifest
from biot_provider.cli.takeover.import_file import THEN, afterwards
from biot_provider.cli.takeover.kinds import PLUGIN, Existing
from biot_provider.errors import warning

_WORDS = {NEW: "new", UNCHANGED: "unchanged", DIFFERENT: "different"}


@dataclass(frozen=True)
class ExportReport:
    """The outcome of one run."""

    folder: str
    program_folder: str
    manifests: Sequence[Manifest]
    outcomes: Mapping[str, str]
    """What became of each plugin's file."""
    files: Mapping[str, str]
    """What became of the other files."""
    added: Mapping[str, Sequence[str]]
    """Variables with their values in the configuration, by folder."""
    differences: Sequence[str]
    """What differs in those of them that hold no secrets."""
    missing: Sequence[Existing]
    """The resources that the stack does not have yet."""
    gone: Sequence[str]
    """Folders of plugins that the platform does not have."""
    warnings: Sequence[str]
    import_file: str
    commands: Sequence[str]
    variables_file: str | None
    own_program: str | None
    prompts: Sequence[str]
    """Keys of the configuration that the user must set."""
    is_forced: bool

    @property
    def differs(self) -> bool:
        """Whether something in the folder differs from the platform, or lacks code that this stack has deployed."""
        return self._is_left or any(manifest.differences or manifest.needs_code for manifest in self.manifests)

    @property
    def _is_left(self) -> bool:
        """Whether a file was left though it differs."""
        return not self.is_forced and DIFFERENT in {*self.files.values(), *self.outcomes.values()}

    def print(self, *, as_json: bool) -> None:
        """Print it to the standard output, warnings to the error output."""
        for text in self.warnings:
            print_problem(warning(text, None))
        if as_json:
            print_result(json.dumps(self._json()))
        else:
            self._print()

    def _json(self) -> dict[str, object]:
        return {
            "folder": self.folder,
            "plugins": [
                {
                    "name": manifest.resource.id,
                    "folder": manifest.folder,
                    "file": self.outcomes[manifest.folder],
                    "differences": manifest.differences,
                    "needsCode": manifest.needs_code,
                    "variables": list(self.added.get(manifest.folder, ())),
                }
                for manifest in self.manifests
            ],
            "files": dict(self.files),
            "import": [{"type": r.kind.type, "name": r.name, "id": r.id} for r in self.missing],
            "gone": list(self.gone),
            "warnings": list(self.warnings),
            "commands": list(self.commands) if self.missing else [],
        }

    def _print(self) -> None:
        count = Counter(self.outcomes.values())
        parts = ", ".join(
            f"{count[status]} {_WORDS[status]}" for status in (NEW, UNCHANGED, DIFFERENT) if count[status]
        )
        print_result(f"{self.folder}: {counted(len(self.manifests), 'plugin')}{f' ({parts})' if parts else ''}")
        for manifest in self.manifests:
            for difference in manifest.differences:
                print_result(f"    {manifest.folder}: {difference}")
            if manifest.needs_code:
                print_result(f"    {manifest.folder}: code: this very stack has deployed it, and it is not here")
            added = self.added.get(manifest.folder, ()) if self.outcomes[manifest.folder] != NEW else ()
            for variable in added:
                print_result(f"    {manifest.folder}: environmentVariables.{variable}: put into the configuration")
        for folder in self.gone:
            print_result(f"    {folder}: only here: the platform has no such plugin")
        for path, status in self.files.items():
            print_result(f"{path}: {_WORDS[status]}")
        for line in self.differences:
            print_result(f"    {line}")
        if self._is_left:
            print_result("What differs is left as it is; --force overwrites it with what the platform has.")
        if self.missing:
            self._print_next()

    def _print_next(self) -> None:
        print_paragraph("The program must contain:", self._program())
        if self.prompts:
            print_paragraph(
                "Each of these prompts for a value:",
                [f"pulumi config set --secret {shlex.quote(k)}" for k in self.prompts],
            )
        print_paragraph(THEN, self.commands)
        print_result("")
        print_result(afterwards(self.import_file, self.missing))

    def _program(self) -> list[str]:
        lines = []
        if any(resource.kind.word == PLUGIN for resource in self.missing):
            folder = json.dumps(self.program_folder.replace(os.sep, "/"))
            if self.variables_file:
                file = json.dumps(self.variables_file.replace(os.sep, "/"))
                lines += ["import json", "import pathlib"]
                lines.append(f"biot.declare_plugins({folder}, json.loads(pathlib.Path({file}).read_text()))")
            else:
                lines.append(f"biot.declare_plugins({folder})")
        if self.own_program:
            lines.append(f"import {os.path.splitext(os.path.basename(self.own_program))[0]}")  # noqa: PTH119, PTH122
        return lines
