"""What `import` prints: the file, what the program must contain, what follows."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from biot_provider.cli.console import counted, print_paragraph, print_problem, print_result
from biot_provider.cli.takeover.import_file import THEN
from biot_provider.errors import warning


@dataclass(frozen=True)
class ImportReport:
    """The outcome of one run."""

    file: str
    resources: list[dict[str, Any]]
    warnings: list[str]
    program: str
    secrets: Mapping[str, str]
    """Values that the program asks of the stack's configuration, by their keys; their values are not shown."""
    commands: list[str]
    afterwards: str
    """What becomes of the file."""

    def print(self, *, as_json: bool) -> None:
        """Print it to the standard output, warnings to the error output."""
        for text in self.warnings:
            print_problem(warning(text, None))
        if as_json:
            shown = {
                "file": self.file,
                "resources": self.resources,
                "warnings": self.warnings,
                "program": self.program,
                "configuration": list(self.secrets),
                "commands": self.commands,
            }
            print_result(json.dumps(shown))
            return
        print_result(f"{self.file}: {counted(len(self.resources), 'resource')} to import")
        print_paragraph("The program must declare:", self.program.splitlines())
        if self.secrets:
            print_paragraph(
                "Each of these prompts for a value (with --config this command sets them all):",
                [f"pulumi config set --secret {shlex.quote(key)}" for key in self.secrets],
            )
        print_paragraph(THEN, self.commands)
        print_result("")
        print_result(self.afterwards)
