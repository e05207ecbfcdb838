"""Runs the commands that build an engine, so that an interrupt ends them and whatever they started."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from unavailable import CommandError

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a build, each by a KeyboardInterrupt."""

KEPT = 20
"""Number of output lines that are searched for the reason when a command fails."""


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seen: Callable[[str], object] = str,
    timeout: float | None = None,
) -> str:
    """Run a command to its end, hand each line of its output to `seen`, and return the output.

    Raises:
        CommandError: it is missing, fails, or takes longer than `timeout` seconds; with the line that gives the reason.
    """
    name = Path(argv[0]).name
    process = None
    try:
        with _undivided():
            process = subprocess.Popen(  # noqa: S603 (the callers' own commands, no shell)
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # A separate process group: Ctrl-C reaches only this process, which ends the group.
                process_group=0,
            )
        return _output(process, name, seen, timeout)
    except OSError as error:
        raise CommandError(name, "cannot be started", str(error.strerror)) from error
    finally:
        if process is not None:
            _end(process)


@contextlib.contextmanager
def _undivided() -> Iterator[None]:
    """Delay an interrupt until the process that is being started is known, and so can be ended."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            raise KeyboardInterrupt


def _output(process: subprocess.Popen[str], name: str, seen: Callable[[str], object], timeout: float | None) -> str:
    timer = threading.Timer(timeout or threading.TIMEOUT_MAX, _end, [process])
    timer.daemon = True
    timer.start()
    begin = time.monotonic()
    lines = []
    for line in process.stdout or ():
        lines.append(line.strip())
        seen(line.strip())
    code = process.wait()
    timer.cancel()
    if code and timeout and time.monotonic() - begin >= timeout:
        raise CommandError(name, f"did not finish within {timeout:g} s", "")
    if code:
        raise CommandError(name, f"failed with exit code {code}", _reason(lines[-KEPT:]))
    return "\n".join(lines)


def _reason(lines: list[str]) -> str:
    spoken = [line for line in lines if line]
    telling = [line for line in spoken if re.search("error|mismatch|missing", line, re.IGNORECASE)]
    # The first error line is the cause; without one, the last line is the outcome.
    return telling[0] if telling else spoken[-1] if spoken else "it printed nothing"


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
