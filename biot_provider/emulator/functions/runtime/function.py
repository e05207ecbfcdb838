"""A deployed function: its code in a folder, and one warm process that handles one call after the other.

Whatever the code does, a call ends with an `Invocation`. As on Lambda, the process stays after an error of the handler,
and the next call starts a new one after a call that took too long or too much memory, or ended the process.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.functions.runtime.disk import CodeSnapshot
from biot_provider.emulator.functions.runtime.environment import command, variables
from biot_provider.emulator.functions.runtime.languages import NotInstalled, find_runtime
from biot_provider.emulator.functions.runtime.log_lines import LogLines
from biot_provider.emulator.functions.runtime.process import MAX_RESPONSE_BYTES, Process, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from biot_provider.emulator.functions.runtime.languages import Interpreter

INIT_SECONDS = 10.0
"""Seconds for loading the code, before the first call's time starts (AWS Lambda Developer Guide, execution
environment)."""

MAX_EVENT_BYTES = 6 * 2**20
"""Maximum bytes (AWS Lambda quotas, invocation payload, request)."""

_MAX_ERROR_CHARACTERS = 500
_NO_HEAP = "heap out of memory"
_MAX_NAMED_FILES = 3
"""Maximum files that a warning names."""
_LATE = "Task timed out after {:.2f} seconds"
"""Lambda's message."""


TOO_LARGE = "RequestTooLargeException"
"""The error type of an event that Lambda would refuse."""


@dataclass(frozen=True)
class FunctionSettings:
    """The settings in a plugin's configuration that affect how its code runs."""

    name: str
    """The plugin's bare name."""
    runtime: str
    """AWS Lambda's identifier, `python3.13` for example."""
    handler: str
    timeout: float
    """Seconds for one call."""
    memory_size: int
    """MB for the process and its descendants."""
    variables: Mapping[str, str] = field(repr=False)
    """All environment variables, including the platform's own."""
    ephemeral_storage: int = 512
    """MB of its temporary folder."""


@dataclass(frozen=True)
class Invocation:
    """The outcome of one call."""

    answer: Any
    """The handler's result, as JSON; None on failure."""
    error: str | None
    """The error as one line; None if the handler returned."""
    error_type: str | None
    """AWS's name of the error, if there is one: `Runtime.HandlerNotFound`, `Sandbox.Timedout`, `Runtime.ExitError` and
    so on; `Handler.Raised` for an error of the handler."""
    logs: tuple[str, ...]
    """The plugin's standard output and error, in order; limited, with a line in place of missing ones."""
    duration: float
    """Seconds of the handler."""
    init_duration: float | None
    """Seconds until the code of a new process was loaded; None for a warm process."""
    peak_memory: int
    """The peak memory of this process so far in MB; 0 if unknown."""
    warnings: tuple[str, ...] = ()
    """Differences from Lambda, where this call would fail, one line each."""


class Function:
    """One function, for use from any thread; `close` it, or use it as a context manager."""

    def __init__(self, folder: Path, settings: FunctionSettings, *, init_seconds: float = INIT_SECONDS) -> None:
        self._folder = folder
        self._settings = settings
        self._init_seconds = init_seconds
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._closed = False
        self._noted = False
        self._code: CodeSnapshot | None = None

    def invoke(self, event: Mapping[str, Any], *, log: Callable[[str], None] | None = None) -> Invocation:
        """Call the handler; `log` gets each log line at once. Concurrent calls wait for each other."""
        with self._lock:
            call = _Call(LogLines(log))
            try:
                return self._invoke(event, call)
            except BaseException:
                # An exception of the caller, such as Ctrl-C: the process's current work is useless to the next call.
                self._end(call)
                raise

    def close(self) -> None:
        """End the process at once, even during a call, which then fails. A closed function takes no calls."""
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
        try:
            size = _size(event)
            if size > MAX_EVENT_BYTES:
                text = f"the event has {size} bytes, more than Lambda's limit of {MAX_EVENT_BYTES}"
                return call.failed(TOO_LARGE, text, 0, settings)
            process = self._warm(call)
            content = self._exchange(process, event, call)
        except NotInstalled as problem:
            return self._failed("Runtime.NotInstalled", str(problem), call)
        except Stopped as problem:
            return self._failed(problem.error_type, str(problem), call)
        call.warnings = self._warnings()
        if process.stored > settings.ephemeral_storage:
            text = f"the plugin has stored {process.stored} MB in its temporary folder, more than its ephemeral storage"
            return self._failed("Function.OutOfStorage", f"{text} of {settings.ephemeral_storage} MB", call)
        peak = self._end(call) if "last" in content else process.peak
        if "error" in content:
            return call.failed(*_error_parts(content["error"]), peak, settings)
        return call.answered(content.get("answer"), peak)

    def _exchange(self, process: Process, event: Mapping[str, Any], call: _Call) -> dict[str, Any]:
        """Call the handler within the remaining time of the call."""
        timeout = self._settings.timeout
        left = timeout - call.spent
        call.started = time.monotonic()
        message = {"id": str(uuid.uuid4()), "event": event, "deadline": int((time.time() + left) * 1000)}
        late = f"{_LATE.format(timeout)}: the handler did not answer within its time limit of {timeout:g} s"
        try:
            return process.exchange(message, left, call.lines, late=late)
        finally:
            call.duration = time.monotonic() - call.started + call.spent

    def _failed(self, error_type: str, text: str, call: _Call) -> Invocation:
        """End the process, and return the failed outcome of the call."""
        call.warnings = self._warnings()
        return call.failed(error_type, text, self._end(call), self._settings)

    def _warnings(self) -> tuple[str, ...]:
        """Return warnings about actions of the call that Lambda would not allow."""
        changes = self._code.changes() if self._code else []
        if not changes:
            return ()
        more = f" and {len(changes) - _MAX_NAMED_FILES} more" if len(changes) > _MAX_NAMED_FILES else ""
        what = ", ".join(changes[:_MAX_NAMED_FILES]) + more
        return (f"the plugin writes into its code folder, which is read-only on Lambda (TMPDIR is not): {what}",)

    def _warm(self, call: _Call) -> Process:
        """Return the warm process, or a new one with the code loaded."""
        if self._process is not None and not self._process.has_ended:
            return self._process
        self._end(call)
        settings = self._settings
        interpreter = find_runtime(settings.runtime)
        if interpreter.note and not self._noted:
            call.lines.add(interpreter.note)
            self._noted = True
        self._code = self._code or CodeSnapshot(self._folder)
        started = time.monotonic()
        try:
            return self._loaded(interpreter, self._init_seconds, call)
        except Stopped as problem:
            if problem.error_type != "Sandbox.Timedout":
                raise
        finally:
            call.init_duration = time.monotonic() - started
        # As on Lambda: try once more, now within the time of the call.
        call.lines.add(
            f"the code was not loaded within {self._init_seconds:g} s: it is loaded anew, as a part of the call"
        )
        self._end(call)
        started = time.monotonic()
        try:
            return self._loaded(interpreter, settings.timeout, call)
        finally:
            call.duration = call.spent = time.monotonic() - started

    def _loaded(self, interpreter: Interpreter, seconds: float, call: _Call) -> Process:
        """Start a process and load the code."""
        settings = self._settings
        if self._closed:
            raise Stopped("Runtime.Closed", "the function is closed")
        process = self._process = Process(
            command(interpreter, settings),
            variables(settings, self._folder),
            self._folder,
            memory_size=settings.memory_size,
            ephemeral_storage=settings.ephemeral_storage,
        )
        if self._closed:
            raise Stopped("Runtime.Closed", "the function is closed")
        first = {"id": "init", "handler": settings.handler, "maxAnswer": MAX_RESPONSE_BYTES}
        late = f"{_LATE.format(seconds)}: the code was not loaded within that time"
        try:
            content = process.exchange(first, seconds, call.lines, late=late)
        except Stopped as problem:
            if problem.error_type != "Runtime.ExitError":
                raise
            raise Stopped(problem.error_type, f"{problem}, while its code was loaded") from None
        if "error" in content:
            raise Stopped(*_error_parts(content["error"]))
        return process

    def _end(self, call: _Call) -> int:
        """End the process if there is one; return its peak memory."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.end(call.lines)
        return process.peak


class _Call:
    """The data of a call so far."""

    def __init__(self, lines: LogLines) -> None:
        self.lines = lines
        self.started: float | None = None
        self.duration = 0.0
        self.init_duration: float | None = None
        self.spent = 0.0
        """Seconds of the call's time that loading has used."""
        self.warnings: tuple[str, ...] = ()

    def answered(self, answer: Any, peak: int) -> Invocation:
        return self._ended(answer, None, None, self.lines.close(), peak)

    def failed(self, error_type: str, text: str, peak: int, settings: FunctionSettings) -> Invocation:
        logs = self.lines.close()
        if error_type == "Runtime.ExitError" and any(_NO_HEAP in line for line in logs):
            error_type = "Function.OutOfMemory"
            text = f"the plugin needs more memory than its limit of {settings.memory_size} MB allows"
        line = " ".join(str(text).split())
        if len(line) > _MAX_ERROR_CHARACTERS:
            line = line[:_MAX_ERROR_CHARACTERS] + "..."
        return self._ended(None, line, error_type, logs, peak)

    def _ended(
        self, answer: Any, error: str | None, error_type: str | None, logs: tuple[str, ...], peak: int
    ) -> Invocation:
        return Invocation(answer, error, error_type, logs, self.duration, self.init_duration, peak, self.warnings)


def _size(event: Mapping[str, Any]) -> int:
    """Return the bytes of an event as it is sent."""
    return len(json.dumps(event, ensure_ascii=False).encode(errors="backslashreplace"))


def _error_parts(error: Any) -> tuple[str, str]:
    """Return type and text of an error, which a plugin could also have forged."""
    error_type, text = error if isinstance(error, list) and len(error) == 2 else ("Runtime.BadAnswer", "no error")
    return str(error_type), str(text)
