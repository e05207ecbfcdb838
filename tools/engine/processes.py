"""Runs the commands that make an engine, so that an interrupt ends them and what they started."""

import contextlib
import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from unavailable import CommandError

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends the making of an engine, each by a KeyboardInterrupt."""

KEPT = 20
"""Lines of output that are searched for the reason when a command fails."""


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seen: Callable[[str], None] = lambda line: None,
    timeout: float | None = None,
) -> str:
    """Run a command to its end, each line of its standard error to `seen`; its standard output.

    :raises CommandError: it is missing, fails, or takes longer than `timeout` seconds; with its last line.
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
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                # A group of its own: an interrupt at the keyboard reaches this process alone, which ends the group.
                process_group=0,
            )
        return _finish(process, name, seen, timeout)
    except OSError as error:
        raise CommandError(name, "cannot be started", str(error.strerror)) from error
    finally:
        if process is not None:
            _end(process)


@contextlib.contextmanager
def _undivided() -> Iterator[None]:
    """Lets an interrupt wait until the process that is being started is known, and so can be ended."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            raise KeyboardInterrupt


def _finish(process: subprocess.Popen[str], name: str, seen: Callable[[str], None], timeout: float | None) -> str:
    import threading

    last: deque[str] = deque(maxlen=KEPT)
    output: list[str] = []
    if process.stdout is None or process.stderr is None:
        raise AssertionError("output was asked for as pipes")
    standard, errors = process.stdout, process.stderr

    def follow() -> None:
        for line in errors:
            last.append(line.strip())
            seen(line.strip())

    readers = [
        threading.Thread(target=follow, daemon=True),
        threading.Thread(target=lambda: output.extend(standard), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired as error:
        raise CommandError(name, f"did not finish within {timeout:g} s", "") from error
    for reader in readers:
        reader.join()
    if code:
        raise CommandError(name, f"failed with exit code {code}", _reason(last, output))
    return "".join(output)


def _reason(last: deque[str], output: list[str]) -> str:
    lines = [line.strip() for line in (*output[-KEPT:], *last) if line.strip()]
    telling = [line for line in lines if re.search("error|mismatch|missing", line, re.IGNORECASE)]
    # What comes first is the cause; what comes last, where nothing tells, is the outcome.
    return telling[0] if telling else lines[-1] if lines else "it printed nothing"


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(2)
            return
        except subprocess.TimeoutExpired:
            continue
