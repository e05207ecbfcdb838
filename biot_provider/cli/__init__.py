"""The command line: `biot-provider <command>`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import doctor, emulator, invoke, new

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = (doctor, emulator, invoke, new)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="biot-provider", description="BioT plugins as Pulumi resources.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.register(commands)
    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))
