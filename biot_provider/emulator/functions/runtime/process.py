"""The caller's side of a function's running process: it sends messages, and receives responses and log lines.

The process's output is not trusted: it may have any form or size, or be missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil

from biot_provider.emulator.functions.runtime import guard
from biot_provider.emulator.functions.runtime.disk import megabytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from biot_provider.emulator.functions.runtime.log_lines import LogLines

MAX_RESPONSE_BYTES = 6_291_556
"""Maximum bytes (AWS Lambda quotas, invocation payload, response)."""

_PACKAGES = str(Path(psutil.__file__).parent.parent)
"""The folder in which the guard finds psutil."""
_MAX_FRAME_BYTES = 4096
"""Maximum bytes around a response."""
_CHUNK = 1 << 16
_MAX_DRAIN_READS = 64
"""Maximum reads of output that precedes a response, since a process may write endlessly."""
_MAX_REASON_CHARACTERS = 200
"""Maximum characters of a process's text about what it waits for."""
_SIGNALS = {int(each): each.name for each in signal.Signals}
_GUARD_TIMEOUT_SECONDS = 5.0
"""Seconds for the guard's responses, which normally are immediate."""


class Stopped(Exception):  # noqa: N818  (what a plugin did, not a fault of the program)
    """The process did not respond, and cannot be used any more; the text is one line."""

    def __init__(self, error_type: str, text: str) -> None:
        super().__init__(text)
        self.error_type = error_type


class Process:
    """A function's process with its guard; call `end` after use."""

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        folder: Path,
        *,
        memory_size: int,
        ephemeral_storage: int,
    ) -> None:
        self._memory_size = memory_size
        self._scratch = Path(tempfile.mkdtemp(prefix="biot-plugin-"))
        self._ended: dict[str, Any] | None = None
        self._answers = bytearray()
        self._has_answer = False
        self._reports = b""
        self.peak = 0
        """The peak memory so far, in MB; 0 if unknown."""
        try:
            self._start(command, variables, folder, ephemeral_storage)
        except BaseException:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise

    def _start(self, command: Sequence[str], variables: Mapping[str, str], folder: Path, storage: int) -> None:
        theirs: list[int] = []
        with contextlib.ExitStack() as always, contextlib.ExitStack() as on_failure:

            def pipe(mode: str) -> IO[bytes]:
                """Return our end of a new pipe; the other end is closed here once the guard has it."""
                reading, writing = os.pipe()
                their, our = (reading, writing) if mode == "wb" else (writing, reading)
                always.callback(os.close, their)
                theirs.append(their)
                return on_failure.enter_context(open(our, mode, buffering=0))  # noqa: PTH123  (a descriptor)

            self._requests, self._answering, self._logs = pipe("wb"), pipe("rb"), pipe("rb")
            self._guard = subprocess.Popen(  # noqa: S603  (a script of this package)
                [sys.executable, "-I", "-S", "-B", guard.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={},
                pass_fds=theirs,
                # Ctrl-C in a terminal must reach only the caller.
                start_new_session=True,
            )
            on_failure.pop_all()
        assert self._guard.stdin is not None  # noqa: S101  (both are pipes, as ordered)
        assert self._guard.stdout is not None  # noqa: S101
        self._control, self._reporting = self._guard.stdin, self._guard.stdout
        for end in (self._requests, self._answering, self._logs, self._reporting):
            os.set_blocking(end.fileno(), False)
        scratch = str(self._scratch)
        spec = {
            "command": list(command),
            "variables": {"HOME": scratch, "TMPDIR": scratch, **variables},
            "folder": str(folder),
            "scratch": scratch,
            "memory": self._memory_size,
            "storage": storage,
            "fds": theirs,
            "packages": _PACKAGES,
        }
        self._command(json.dumps(spec).encode() + b"\n")

    @property
    def has_ended(self) -> bool:
        """Whether the process cannot be used any more."""
        with contextlib.suppress(Stopped):
            self._read_reports()
        return self._ended is not None

    def exchange(self, message: Any, seconds: float, lines: LogLines, *, late: str) -> dict[str, Any]:
        """Send a message with an `id`, and return the response with the same `id`.

        Raises Stopped if no response comes in time, with the text `late`, or if the process ends or takes too much
        memory.
        """
        self._answers.clear()
        self._command(b"b")
        until = time.monotonic() + seconds
        content = self._answer_to(message["id"], json.dumps(message).encode() + b"\n", until, lines, late)
        if "waiting" in content:
            reason = str(content["waiting"])[:_MAX_REASON_CHARACTERS]
            what = f"the answer is there, but the event loop is not empty ({reason})"
            late = f"{late}: {what}, and context.callbackWaitsForEmptyEventLoop is not false"
            content = self._answer_to(message["id"], b"", until, lines, late)
        self._end_call(lines)
        return content

    def _answer_to(self, wanted: str, message: bytes, until: float, lines: LogLines, late: str) -> dict[str, Any]:
        """Write the message, and return the next response with the wanted `id`."""
        answer = self._wait(message, until, lines)
        if answer is None:
            raise Stopped("Sandbox.Timedout", late)
        try:
            content = json.loads(answer)
        except (ValueError, RecursionError):
            raise _bad_answer() from None
        if not isinstance(content, dict) or content.get("id") != wanted:
            raise _bad_answer()
        return content

    @property
    def stored(self) -> int:
        """The size of the temporary folder in MB."""
        return megabytes(self._scratch)

    def interrupt(self) -> None:
        """End the process, from any thread."""
        self._guard.send_signal(signal.SIGTERM)

    def end(self, lines: LogLines | None = None) -> None:
        """Kill the process and its descendants, and read its last log lines."""
        self.interrupt()
        try:
            self._guard.wait(_GUARD_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        self._drain(lines)
        for pipe in (self._requests, self._answering, self._logs, self._control, self._reporting):
            pipe.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _wait(self, message: bytes, until: float, lines: LogLines) -> bytes | None:
        """Write the message while reading all output; return the first line of the responses, None if time is over."""
        rest = memoryview(message)
        with selectors.DefaultSelector() as selector:
            for pipe in (self._answering, self._logs, self._reporting):
                selector.register(pipe, selectors.EVENT_READ)
            selector.register(self._requests, selectors.EVENT_WRITE)
            self._has_answer = b"\n" in self._answers
            while not self._has_answer:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                ready = [key.fileobj for key, _ in selector.select(left)]
                if self._requests in ready:
                    rest = rest[self._write(rest) :]
                    if not rest:
                        selector.unregister(self._requests)
                if self._logs in ready and not self._take_logs(lines):
                    selector.unregister(self._logs)
                if self._answering in ready and not self._take_answers():
                    selector.unregister(self._answering)
                if self._reporting in ready and not self._has_answer:
                    # All output from before its end has arrived by now.
                    self._take_answers()
                    if not self._has_answer:
                        self._read_reports()
        answer, _, self._answers = self._answers.partition(b"\n")
        return bytes(answer)

    def _end_call(self, lines: LogLines) -> None:
        """Read the log lines that precede a response, and the guard's report of the memory."""
        self._drain(lines)
        self._command(b"e")
        with selectors.DefaultSelector() as selector:
            selector.register(self._reporting, selectors.EVENT_READ)
            if selector.select(_GUARD_TIMEOUT_SECONDS):
                try:
                    self._read_reports()
                except Stopped as problem:
                    # A process that has ended by itself has responded before.
                    if problem.error_type != "Runtime.ExitError":
                        raise

    def _write(self, message: memoryview) -> int:
        try:
            return self._requests.write(message[:_CHUNK]) or 0
        except OSError:
            # The pipe has no reader: the guard reports how the process ended.
            return len(message)

    def _take_answers(self) -> bool:
        content = _read(self._answering)
        self._answers += content or b""
        self._has_answer = b"\n" in (content or b"")
        if len(self._answers) > MAX_RESPONSE_BYTES + _MAX_FRAME_BYTES:
            raise _bad_answer()
        return content != b""

    def _take_logs(self, lines: LogLines) -> bool:
        content = _read(self._logs)
        if content:
            lines.feed(content)
        return content != b""

    def _drain(self, lines: LogLines | None) -> None:
        for _ in range(_MAX_DRAIN_READS):
            content = _read(self._logs)
            if not content:
                return
            if lines is not None:
                lines.feed(content)

    def _command(self, words: bytes) -> None:
        with contextlib.suppress(OSError):
            self._control.write(words)

    def _read_reports(self) -> None:
        """Read the guard's reports. Raises Stopped if the process has ended."""
        content = _read(self._reporting)
        if content == b"" and self._ended is None:
            self._ended = {"ended": "signal", "signal": signal.SIGKILL}
        *whole, self._reports = (self._reports + (content or b"")).split(b"\n")
        for line in whole:
            report = json.loads(line)
            self.peak = max(self.peak, report["peak"])
            if "ended" in report:
                self._ended = report
        if self._ended is not None:
            raise self._stopped(self._ended)

    def _stopped(self, report: Mapping[str, Any]) -> Stopped:
        if report["ended"] == "memory":
            text = f"the plugin used {self.peak} MB of memory, more than its limit of {self._memory_size} MB"
            return Stopped("Function.OutOfMemory", text)
        if report["ended"] == "closed":
            return Stopped("Runtime.Closed", "the function was closed while it was running")
        if report["ended"] == "exit":
            by = f"exit code {report['code']}"
        else:
            by = f"the signal {_SIGNALS.get(report['signal'], report['signal'])}"
        return Stopped("Runtime.ExitError", f"the plugin's process ended with {by} before it answered")


def _read(pipe: Any) -> bytes | None:
    """Return the available bytes; None if there are none yet, empty at the end."""
    try:
        content: bytes | None = pipe.read(_CHUNK)
    except OSError:
        return b""
    return content


def _bad_answer() -> Stopped:
    text = f"the plugin wrote to the file descriptor {guard.ANSWERS}, which is the runtime's own, or closed it"
    return Stopped("Runtime.BadAnswer", text)
