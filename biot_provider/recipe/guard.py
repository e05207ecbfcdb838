"""Runs a builder, and when the process that waits for it is gone, ends the builder and cleans up after it.

Run as a script, with the standard library alone: ``guard.py FOLDER INPUT COMMAND...``, FOLDER being the build's own,
and INPUT the file that the builder reads. Its own standard input is a pipe to which nobody writes: the pipe closes when
the process at the other end is gone, however that process ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

_TERMINATION_SECONDS = 2.0
"""How long a builder may clean up before it is killed."""
_CALLER_IS_GONE = threading.Event()


def main() -> int:
    """Run the builder and return its exit code, as a shell gives it."""
    with open(sys.argv[2], "rb") as stdin:  # noqa: PTH123  (pathlib takes time to load)
        builder = subprocess.Popen(sys.argv[3:], stdin=stdin, start_new_session=True)  # noqa: S603
    ending = threading.Thread(target=_end_with_caller, args=(builder, sys.argv[1]), daemon=True)
    ending.start()
    code = builder.wait()
    if _CALLER_IS_GONE.is_set():
        ending.join()
    return code if code >= 0 else 128 - code


def _end_with_caller(builder: subprocess.Popen[bytes], folder: str) -> None:
    while os.read(0, 64):
        pass
    _CALLER_IS_GONE.set()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(builder.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            builder.wait(_TERMINATION_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
