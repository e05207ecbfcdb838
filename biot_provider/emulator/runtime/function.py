"""A deployed function: its code in a folder, and one warm process that takes one call after the other.

Whatever the code does, a call ends with an `Invocation`; after one that failed the next call starts a fresh process.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..events import REGION
from .languages import Interpreter, NotInstalled, find_runtime
from .log_lines import LogLines
from .process import MAX_ANSWER, Process, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INIT_SECONDS = 10.0
"""For loading the code, before the first call's own time starts (AWS Lambda Developer Guide, execution environment)."""

_HERE = Path(__file__).parent
_PREFIX = "Plugin-"
"""Before a plugin's name in the name of its function."""
_ERROR_CHARACTERS = 500
_HEAP = 0.9
"""Node.js's share of the memory for what is collected."""
_NO_HEAP = "heap out of memory"


@dataclass(frozen=True)
class FunctionSettings:
    """What a plugin's configuration says about how its code runs."""

    name: str
    """The plugin's bare name."""
    runtime: str
    """AWS Lambda's identifier, `python3.13` for example."""
    handler: str
    timeout: float
    """Seconds for one call."""
    memory_size: int
    """MB, of the process and all that it starts."""
    variables: Mapping[str, str] = field(repr=False)
    """All its environment variables, the platform's own among them."""


@dataclass(frozen=True)
class Invocation:
    """How one call went."""

    answer: Any
    """What the handler returned, as JSON has it; none on failure."""
    error: str | None
    """One line: what went wrong; none when the handler answered."""
    error_type: str | None
    """A word for it, like AWS's: `Runtime.HandlerNotFound`, `Function.Timeout`, `Handler.Raised` and so on."""
    logs: tuple[str, ...]
    """What the plugin wrote to its standard and error output, in order; bounded, with a line where some are missing."""
    duration: float
    """Seconds of the handler."""
    init_duration: float | None
    """Seconds until the code of a new process was loaded; none when it was warm."""
    peak_memory: int
    """The most MB that this process had in use so far; 0 where that cannot be known."""


class Function:
    """One function, for use from any thread; `close` it, or use it as a context manager."""

    def __init__(self, folder: Path, settings: FunctionSettings, *, init_seconds: float = INIT_SECONDS) -> None:
        self._folder = folder
        self._settings = settings
        self._init_seconds = init_seconds
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._closed = False
        self._told = False

    def invoke(self, event: Mapping[str, Any], *, log: Callable[[str], None] | None = None) -> Invocation:
        """Call the handler; `log` gets each log line as it comes. One call waits for the other."""
        with self._lock:
            call = _Call(LogLines(log))
            try:
                return self._invoke(event, call)
            except BaseException:
                # The caller's own, Ctrl-C for example: what the process is doing now is of no use to the next call.
                self._end(call)
                raise

    def close(self) -> None:
        """End its process, at once also when it is in a call, which then fails. A closed function takes no call."""
        self._closed = True
        process = self._process
        if process is not None:
            process.interrupt()
        with self._lock:
            self._end(_Call(LogLines(None)))

    def __enter__(self) -> Function:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _invoke(self, event: Mapping[str, Any], call: _Call) -> Invocation:
        settings = self._settings
        message = {"id": str(uuid.uuid4()), "event": event}
        try:
            process = self._warm(call)
            call.started = time.monotonic()
            deadline = int((time.time() + settings.timeout) * 1000)
            late = f"the handler did not answer within its time limit of {settings.timeout:g} s"
            content = process.exchange(message | {"deadline": deadline}, settings.timeout, call.lines, late=late)
            call.duration = time.monotonic() - call.started
            if "error" not in content:
                return call.answered(content.get("answer"), process.peak)
            error_type, text = content["error"]
        except NotInstalled as problem:
            error_type, text = "Runtime.NotInstalled", str(problem)
        except Stopped as problem:
            if call.started is not None:
                call.duration = time.monotonic() - call.started
            error_type, text = problem.error_type, str(problem)
        peak = self._end(call)
        return call.failed(error_type, text, peak, settings)

    def _warm(self, call: _Call) -> Process:
        """The process that waits for a call, or a new one with the code loaded."""
        if self._process is not None and not self._process.has_ended:
            return self._process
        self._end(_Call(LogLines(None)))
        if self._closed:
            raise Stopped("Runtime.Closed", "the function is closed")
        settings = self._settings
        interpreter = find_runtime(settings.runtime)
        if interpreter.note and not self._told:
            call.lines.add(interpreter.note)
            self._told = True
        started = time.monotonic()
        process = self._process = Process(
            _command(interpreter, settings), self._variables(), self._folder, settings.memory_size
        )
        if self._closed:
            raise Stopped("Runtime.Closed", "the function is closed")
        first = {"id": "init", "handler": settings.handler, "maxAnswer": MAX_ANSWER}
        late = f"the code was not loaded within {self._init_seconds:g} s, before the first call"
        content = process.exchange(first, self._init_seconds, call.lines, late=late)
        call.init_duration = time.monotonic() - started
        if "error" in content:
            raise Stopped(*content["error"])
        return process

    def _end(self, call: _Call) -> int:
        """End the process if there is one; gives the most memory it had."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.end(call.lines)
        return process.peak

    def _variables(self) -> dict[str, str]:
        """The plugin's variables, and those that Lambda sets (AWS Lambda Developer Guide, environment variables)."""
        settings = self._settings
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
            "LAMBDA_TASK_ROOT": str(self._folder),
        }


class _Call:
    """What is known of a call so far."""

    def __init__(self, lines: LogLines) -> None:
        self.lines = lines
        self.started: float | None = None
        self.duration = 0.0
        self.init_duration: float | None = None

    def answered(self, answer: Any, peak: int) -> Invocation:
        return Invocation(answer, None, None, self.lines.close(), self.duration, self.init_duration, peak)

    def failed(self, error_type: str, text: str, peak: int, settings: FunctionSettings) -> Invocation:
        logs = self.lines.close()
        if error_type == "Runtime.Exited" and any(_NO_HEAP in line for line in logs):
            error_type = "Function.OutOfMemory"
            text = f"the plugin needs more memory than its limit of {settings.memory_size} MB allows"
        line = " ".join(str(text).split())
        if len(line) > _ERROR_CHARACTERS:
            line = line[:_ERROR_CHARACTERS] + "..."
        return Invocation(None, line, error_type, logs, self.duration, self.init_duration, peak)


def _command(interpreter: Interpreter, settings: FunctionSettings) -> list[str]:
    if interpreter.language == "python":
        # Without what is installed beside the interpreter: on the platform only the package's own modules are there.
        return [interpreter.path, "-B", "-s", "-S", str(_HERE / "bootstrap.py")]
    options = [f"--max-old-space-size={int(settings.memory_size * _HEAP)}"]
    if interpreter.version == "22":
        # As Lambda starts it (AWS Lambda Developer Guide, experimental Node.js features).
        options += ["--no-experimental-require-module", "--no-experimental-detect-module"]
    return [interpreter.path, *options, str(_HERE / "bootstrap.mjs")]
