"""The command line: `biot-provider <command>`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from . import cache, compare, doctor, emulator, graph, init, invoke, new
from .console import print_problem
from .takeover import exporting, importing

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = (cache, compare, doctor, emulator, exporting, graph, importing, init, invoke, new)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="biot-provider", description="BioT plugins as Pulumi resources.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.register(commands)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:
        # The reader has closed the pipe; Python would write to it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as missing:
        if missing.name != "biot_provider.emulator":
            raise
        # The embedded platform is an extra, which is imported by the commands that need it.
        print_problem(str(missing))
        return 1
