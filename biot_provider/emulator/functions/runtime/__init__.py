"""Runs a plugin's code on this machine as AWS Lambda would: one warm process for each function, one call at a time.

    unpack(zip_bytes, folder)
    with Function(folder, FunctionSettings("guard", "python3.13", "index.handler", 3, 128, {})) as function:
        call = function.invoke(event)

The code runs in a separate process that gets only the plugin's own variables and those that Lambda sets. Time and
memory are bounded, and nothing that the code does harms or outlives the caller. It is not a sandbox: the code can do on
this machine whatever its user can. It needs a Unix; memory is watched where there is /proc.
"""

from biot_provider.emulator.functions.runtime.fitting import FittingError, fit, fitting_key
from biot_provider.emulator.functions.runtime.function import Function, FunctionSettings, Invocation
from biot_provider.emulator.functions.runtime.languages import Interpreter, NotInstalled, find_runtime
from biot_provider.emulator.functions.runtime.unpacking import PackageError, unpack

__all__ = [
    "FittingError",
    "Function",
    "FunctionSettings",
    "Interpreter",
    "Invocation",
    "NotInstalled",
    "PackageError",
    "find_runtime",
    "fit",
    "fitting_key",
    "unpack",
]
