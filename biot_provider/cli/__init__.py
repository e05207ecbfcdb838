"""The command line: `biot-provider <command>`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import cache, doctor, emulator, invoke, new
from .console import print_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = (cache, doctor, emulator, invoke, new)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="biot-provider", description="BioT plugins as Pulumi resources.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.register(commands)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ModuleNotFoundError as missing:
        if missing.name != "biot_provider.emulator":
            raise
        # The embedded platform is an extra, which is imported by the commands that need it.
        print_problem(str(missing))
        return 1
