"""The calls of the Pulumi CLI: its version, the stack's resources, and secret values in the stack's configuration."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from biot_provider.cli.errors import CommandError
from biot_provider.cli.project.engine import ENGINE, INSTALL, run_engine
from biot_provider.cli.project.stack import kind_of
from biot_provider.cli.takeover.import_file import MIN_ENGINE
from biot_provider.cli.takeover.target import Target


def require_engine() -> None:
    """Stop where the engine on PATH is one that does not take the file. Raises CommandError.

    Without one the file can be written all the same, for another machine.
    """
    if shutil.which(ENGINE) is None:
        return
    shown = run_engine("version")
    numbers = tuple(map(int, re.findall(r"\d+", shown)[:3]))
    if numbers and numbers < MIN_ENGINE:
        required = ".".join(map(str, MIN_ENGINE))
        raise CommandError(
            f"{ENGINE} {shown} cannot import dynamic resources, which needs {required} or later",
            "BIOT-8016",
            advice="upgrade it",
        )


def commands(target: Target, file: Path) -> list[str]:
    """Return the two commands that follow, as the user types them where the file's path holds."""
    stack = f" --stack {shlex.quote(target.stack)}"
    return [
        f"{ENGINE} import --file {shlex.quote(str(file))} --generate-code=false{stack}",
        f"{ENGINE} preview --diff{stack}",
    ]


def configuration(target: Target) -> dict[str, Any]:
    """Return the stack's configuration, secrets in plain text: of each key ``value`` and, of a map, ``objectValue``.

    Raises CommandError.
    """
    found = _json(target, "config", "--show-secrets", "--json")
    return found if isinstance(found, dict) else {}


def resources_in_state(target: Target) -> frozenset[tuple[str, str]]:
    """Return the kind, such as ``Plugin``, and the id of each resource that the stack has. Raises CommandError."""
    deployment = _json(target, "stack", "export").get("deployment") or {}
    resources = deployment.get("resources") or ()
    return frozenset((kind, str(item.get("id"))) for item in resources if (kind := kind_of(item.get("type"))))


def _json(target: Target, *arguments: str) -> Any:
    try:
        shown = run_engine(*arguments, "--stack", target.stack, "--non-interactive", folder=target.project.folder)
        return json.loads(shown)
    except CommandError as problem:
        advice = "log in to the stack's backend and give its passphrase (PULUMI_CONFIG_PASSPHRASE)"
        raise CommandError(problem.text, problem.message_code, advice=advice) from None
    except ValueError:
        raise CommandError(f"`{ENGINE} {' '.join(arguments)}` prints no JSON: run it by hand", "BIOT-8014") from None


def keep_secrets(
    target: Target, values: Mapping[str, str], progress: Callable[[int, int], None], *, are_paths: bool = False
) -> None:
    """Put values, by their keys, encrypted into the stack's configuration; ``are_paths`` says that keys lead into maps.

    Each goes through a pipe: a command line can be read by everybody on the machine.
    Raises CommandError.
    """
    engine = shutil.which(ENGINE)
    if engine is None:
        raise CommandError(f"there is no {ENGINE} on PATH, which encrypts the values", "BIOT-8012", advice=INSTALL)
    for number, (key, value) in enumerate(values.items()):
        progress(number, len(values))
        command = [engine, "config", "set", "--secret", "--raw", *(["--path"] if are_paths else []), "--stack"]
        run = subprocess.run(  # noqa: S603  (a fixed command of the engine)
            [*command, target.stack, "--non-interactive", "--", key],
            cwd=target.project.folder,
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "1"},
            input=value.encode(),
            capture_output=True,
        )
        if run.returncode:
            lines = [line for line in run.stderr.decode(errors="replace").splitlines() if line.strip()]
            raise CommandError(
                f"`{ENGINE} config set --secret {key}` fails: {lines[-1].strip() if lines else 'no message'}",
                "BIOT-8017",
            )
