"""`python -m tools.generate` writes the generated files; with `--check` it names those that are not current."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from . import ROOT
from .classes import resource_modules
from .command_line import command_line
from .diagrams import diagrams
from .messages import messages_page
from .reference import reference
from .schema import schema

RESOURCES = ROOT / "biot_provider" / "program" / "resources"
SCHEMA = ROOT / "biot_provider" / "native" / "schema.json"
REFERENCE = ROOT / "docs" / "reference"
IMAGES = ROOT / "docs" / "images"


def generated() -> Mapping[Path, str]:
    """Return the text of every generated file."""
    modules = {RESOURCES / name: text for name, text in resource_modules().items()}
    pages = {"command-line.md": command_line(), "messages.md": messages_page(), **reference()}
    return (
        modules
        | {SCHEMA: schema()}
        | {REFERENCE / name: text for name, text in pages.items()}
        | {IMAGES / name: text for name, text in diagrams().items()}
    )


def main(arguments: list[str]) -> int:
    """Write the files that are not current, or with --check name them; gives the exit code."""
    files = generated()
    stale = [file for file, text in files.items() if not file.exists() or file.read_text("utf-8") != text]
    stale += [file for file in (*RESOURCES.glob("*.py"), *REFERENCE.glob("*.md")) if file not in files]
    for file in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{file.relative_to(ROOT)} is not what the models say: run `make docs`\n")
        elif file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(files[file], "utf-8")
        else:
            file.unlink()
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
