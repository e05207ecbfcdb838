"""Runs a builder, and ends it with all that it started as soon as whoever asked for it is gone.

Run as a script, with the standard library alone: ``guard.py COMMAND...``. Its input is a pipe that nobody writes to:
it ends with the process that holds the other end, however that came to its end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

_PATIENCE = 5.0
"""Seconds a builder has to tidy up."""


def main() -> int:
    """The builder's exit code, as a shell gives it."""
    builder = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    threading.Thread(target=_end_with_caller, args=(builder,), daemon=True).start()
    code = builder.wait()
    return code if code >= 0 else 128 - code


def _end_with_caller(builder: subprocess.Popen[bytes]) -> None:
    while os.read(0, 64):
        pass
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(builder.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            builder.wait(_PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
