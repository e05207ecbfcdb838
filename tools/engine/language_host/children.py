"""The processes that this host starts, so that none of them outlives it.

They stay in the host's own process group: when the engine kills that group, they are reached even if the host itself
can no longer act. An interrupt, which the engine sends to the group too, they do not see: in a program it would end in
pages of traceback from the SDK's event loop. The host tells them to terminate instead.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

Sink = Callable[[bytes, bool], None]
"""Takes output as it comes; the flag tells standard error from standard output."""

GRACE = 3.0
"""Seconds a process gets to terminate before it is killed. The engine kills the host itself after five."""

TAIL = 2.0
"""Seconds to take in the last output of a process that has ended."""

_UNINTERRUPTED = ("/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""In front of a command: what ignores a signal when it is executed, goes on ignoring it."""


class StoppingError(Exception):
    """The host is ending and starts nothing any more."""


class Children:
    """All processes of one host. Each method that runs one raises `StoppingError` once the host is ending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    @contextlib.contextmanager
    def _started(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, output: int | None
    ) -> Iterator[subprocess.Popen[bytes]]:
        with self._lock:
            if self._ended:
                raise StoppingError("the language host is ending")
            process = subprocess.Popen(  # noqa: S603 (the project's own Python and tools: running them is the purpose)
                [*_UNINTERRUPTED, *argv], env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            self._running.add(process)
        try:
            yield process
            process.wait()
        finally:
            _end([process])
            with self._lock:
                self._running.discard(process)

    def passed_through(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path | None) -> int:
        """Run a process to its end, its output the host's own, which the engine shows; the exit code."""
        with self._started(argv, env, cwd, None) as process:
            pass
        return process.returncode

    def stream(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, sink: Sink) -> int:
        """Run a process to its end, its output to the sink as it comes; the exit code."""
        with self._started(argv, env, cwd, subprocess.PIPE) as process:
            if process.stdout is None or process.stderr is None:
                raise AssertionError("output was asked for as pipes")
            readers = [
                threading.Thread(target=_drain, args=(process.stdout, False, sink), daemon=True),
                threading.Thread(target=_drain, args=(process.stderr, True, sink), daemon=True),
            ]
            for reader in readers:
                reader.start()
            process.wait()
            deadline = time.monotonic() + TAIL
            for reader in readers:
                # Not for ever: what it started in turn may have survived it, with the pipes in hand.
                reader.join(max(0.0, deadline - time.monotonic()))
        return process.returncode

    def output(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> str:
        """Run a process to its end and take its standard output.

        :raises subprocess.CalledProcessError: it failed; its standard error is in the exception.
        """
        kept: dict[bool, bytes] = {False: b"", True: b""}

        def keep(data: bytes, is_error: bool) -> None:
            kept[is_error] += data

        code = self.stream(argv, env, cwd, keep)
        text = {is_error: data.decode(errors="replace") for is_error, data in kept.items()}
        if code:
            raise subprocess.CalledProcessError(code, list(argv), text[False], text[True])
        return text[False]

    def terminate(self) -> None:
        """End what runs now; the host itself goes on."""
        with self._lock:
            running = list(self._running)
        _end(running)

    def end(self) -> None:
        """End what runs, and start nothing more."""
        with self._lock:
            self._ended = True
        self.terminate()
        if os.getpgrp() == os.getpid():
            # What these processes started in turn and left behind is in the group too.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.killpg(os.getpgrp(), signal.SIGTERM)


def _drain(pipe: IO[bytes], is_error: bool, sink: Sink) -> None:
    with pipe:
        while data := os.read(pipe.fileno(), 65536):
            sink(data, is_error)


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in running:
            process.send_signal(number)
        deadline = time.monotonic() + GRACE
        while any(process.poll() is None for process in running):
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        else:
            return
