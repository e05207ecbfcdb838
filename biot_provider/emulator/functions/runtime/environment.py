"""How a function's process is started: its command line, and its environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.emulator.delivery.events import REGION

if TYPE_CHECKING:
    from biot_provider.emulator.functions.runtime.function import FunctionSettings
    from biot_provider.emulator.functions.runtime.languages import Interpreter

_HERE = Path(__file__).parent
_PREFIX = "Plugin-"
"""The prefix of a plugin's name in the name of its function."""
_HEAP = 0.9
"""The share of the memory for the heap of Node.js."""


def command(interpreter: Interpreter, settings: FunctionSettings) -> list[str]:
    """Return the command that loads the handler."""
    if interpreter.language == "python":
        # Without modules installed for the interpreter: the platform has only the package's own modules.
        return [interpreter.path, "-B", "-s", "-S", str(_HERE / "bootstrap.py")]
    options = [f"--max-old-space-size={int(settings.memory_size * _HEAP)}"]
    if interpreter.version == "22":
        # As Lambda starts it (AWS Lambda Developer Guide, experimental Node.js features).
        options += ["--no-experimental-require-module", "--no-experimental-detect-module"]
    return [interpreter.path, *options, str(_HERE / "bootstrap.mjs")]


def variables(settings: FunctionSettings, folder: Path) -> dict[str, str]:
    """Return the plugin's variables, and those that Lambda sets (AWS Lambda Developer Guide, environment variables)."""
    function = _PREFIX + settings.name
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        **settings.variables,
        "_HANDLER": settings.handler,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{settings.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory_size),
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_REGION": REGION,
        "LAMBDA_TASK_ROOT": str(folder),
    }
