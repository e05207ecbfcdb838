"""The Pulumi engine on this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from biot_provider.cli.errors import CommandError
from biot_provider.errors import reason

ENGINE = "pulumi"
INSTALL = "install Pulumi (https://www.pulumi.com/docs/install/) so that it is on PATH"

_ENGINE_TIMEOUT_SECONDS = 60


def run_engine(*arguments: str, folder: Path | None = None, seconds: float = _ENGINE_TIMEOUT_SECONDS) -> str:
    """Run a command of the engine and return its output. Raises CommandError."""
    command = [ENGINE, *arguments]
    shown = " ".join(command)
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        run = subprocess.run(  # noqa: S603  (a fixed command of the engine)
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"`{shown}` does not end within {seconds:.0f} s: run it by hand", "BIOT-8014") from None
    except OSError as error:
        raise CommandError(f"`{shown}` cannot be run ({reason(error)}): {INSTALL}", "BIOT-8014") from None
    if run.returncode:
        lines = [line for line in run.stderr.splitlines() if line.strip()]
        raise CommandError(
            f"`{shown}` fails: {lines[-1].strip() if lines else 'run it by hand to see why'}", "BIOT-8014"
        )
    return run.stdout.strip()
