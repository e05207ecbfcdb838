"""Checks whether a builder works by running one of its commands."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from biot_provider.api.cancellation import ended_by, stop_if_cancelled

_PROBE_SECONDS = 20.0


def probe_problem(command: tuple[str, ...], environment: Mapping[str, str]) -> str | None:
    """Run a builder's command; return why it does not work, None if it works. Raises CancelledError."""
    try:
        process = subprocess.Popen(  # noqa: S603
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as error:
        return error.strerror or str(error)
    with process, ended_by(process.kill):
        try:
            output, errors = process.communicate(timeout=_PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"no answer within {_PROBE_SECONDS:.0f} s"
    stop_if_cancelled()
    if process.returncode == 0:
        return None
    lines = [line.strip() for line in (errors or output).splitlines() if line.strip()]
    return lines[0][:200] if lines else f"exit code {process.returncode}"
