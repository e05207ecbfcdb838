"""What `import` prints: the file, what the program must contain, what follows."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...console import print_problem, print_result


@dataclass(frozen=True)
class Report:
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
        for warning in self.warnings:
            print_problem(f"warning: {warning}")
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
        count = len(self.resources)
        print_result(f"{self.file}: {count} resource{'' if count == 1 else 's'} to import")
        _paragraph("The program must declare:", self.program.splitlines())
        if self.secrets:
            _paragraph(
                "Each of these prompts for a value (with --config this command sets them all):",
                [f"pulumi config set --secret {shlex.quote(key)}" for key in self.secrets],
            )
        _paragraph("Then, with Pulumi 3.254 or later:", self.commands)
        print_result("")
        print_result(self.afterwards)


def _paragraph(heading: str, lines: list[str]) -> None:
    print_result("")
    print_result(heading)
    print_result("")
    for line in lines:
        print_result(f"    {line}" if line else "")
