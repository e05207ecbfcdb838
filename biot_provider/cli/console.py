"""Where commands write: results on the standard output, problems on the error output."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """One line of the result, out at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    """One line about what went wrong."""
    sys.stderr.write(f"biot-provider: {line}\n")
    sys.stderr.flush()
