"""A small process between the caller and a function's process: nothing must outlive the caller.

Run as a script without the installed packages. Each start of a function waits for its imports, so they are few; psutil
is loaded when a call takes long or leaves something behind.
It starts the function's process, watches its memory, and kills it
with all that it has started as soon as it ends, takes too much, or the caller is gone. On its input comes one JSON line
that says what to start, then `b` and `e` where a call begins and ends; its end means that the caller is gone. On its
output go JSON lines: the peak memory after each `e`, and at last how it ended. Between two calls the process is frozen,
as on Lambda.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import psutil

CONTROL, REPORTS = 0, 1
REQUESTS, ANSWERS = 3, 4
"""File descriptors of the function's process."""

_BUSY_SECONDS, _IDLE_SECONDS = 0.02, 0.5
"""Seconds between two samples of the memory, during calls and between them."""
_FAMILY_LOOKS = 10
"""Every so many samples include the memory of the descendants, which is slow to read."""
_MB = 1 << 20
_MIN_EXTRA_BYTES = 512 * _MB
"""Minimum bytes that a process may allocate beyond its limit between two samples."""
_PDEATHSIG, _SUBREAPER = 1, 36
_FREE = 20
"""File descriptors from this number on are unused."""
_MAX_OPEN_FILES = 1024
"""AWS Lambda quotas, file descriptors."""


def main() -> None:
    """Start the command of the first line, and stay until it has ended."""
    spec = _read_spec()
    sys.path.append(spec["packages"])
    terminated: list[int] = []
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda number, _: terminated.append(number))
    _prctl(_SUBREAPER, 1)
    guard = _Guard(_start(spec), spec["memory"])
    for number in spec["fds"]:
        os.close(number)
    ended = None
    while ended is None:
        readable, _, _ = select.select([CONTROL, woken], [], [], guard.pause)
        if woken in readable:
            os.read(woken, 512)
        ended = guard.obey(os.read(CONTROL, 64)) if CONTROL in readable and not terminated else None
        ended = {"ended": "closed"} if terminated else ended or guard.look()
    guard.end()
    _report(ended | {"peak": guard.peak})
    _remove(spec["scratch"])


class _Guard:
    """The function's process, and the samples of its memory."""

    def __init__(self, child: int, memory: int) -> None:
        self._child = child
        self._limit = memory * _MB
        self._looks = 0
        self._highest = 0
        self._has_ended = False
        self.pause = _BUSY_SECONDS

    @property
    def peak(self) -> int:
        """The highest memory so far, in MB."""
        return -(-self._highest // _MB)

    def obey(self, words: bytes) -> dict[str, Any] | None:
        """Handle the caller's commands; return how the process ended, once that is known."""
        if not words:
            return {"ended": "closed"}
        for word in words:
            self.pause = _BUSY_SECONDS if word == ord("b") else _IDLE_SECONDS
            if word == ord("b"):
                self._signal(signal.SIGCONT)
            if word == ord("e"):
                self._measure()
                if self._highest > self._limit:
                    return {"ended": "memory"}
                self._signal(signal.SIGSTOP)
                _report({"peak": self.peak})
        return None

    def look(self) -> dict[str, Any] | None:
        """Return how the process ended, if it did, or that it took too much memory."""
        self._measure()
        if self._highest > self._limit:
            return {"ended": "memory"}
        with contextlib.suppress(ChildProcessError):
            # Orphans of the function's process become children of this process too.
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._child:
                    self._has_ended = True
                    return _how(found[1])
        return None

    def end(self) -> None:
        """Kill the process, its group and all its descendants, and wait until they are gone."""
        # Only Linux makes orphans children of this process, so that they are found below.
        orphans_to_be = [] if sys.platform == "linux" else _descendants()
        self._signal(signal.SIGKILL)
        if not self._has_ended:
            # The process may not have become the leader of its group yet.
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
        with contextlib.suppress(ChildProcessError):
            # Processes that have left the group are, or will become, children of this one.
            while True:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    _kill(_descendants())
                    os.waitpid(-1, 0)
        _kill(orphans_to_be)

    def _signal(self, number: int) -> None:
        """Send a signal to the process and its group, if they still exist."""
        with contextlib.suppress(OSError):
            os.killpg(self._child, number)

    def _measure(self) -> None:
        self._highest = max(self._highest, _resident(self._child))
        self._looks += 1
        if self._looks % _FAMILY_LOOKS == 0:
            self._highest = max(self._highest, _resident_family())


def _read_spec() -> dict[str, Any]:
    line = b""
    # The first `b` may come with it: the guard starts as if it had obey that already.
    while b"\n" not in line:
        # Byte by byte, so that later commands stay unread.
        chunk = os.read(CONTROL, 1)
        if not chunk:
            sys.exit(1)
        line += chunk
    spec: dict[str, Any] = json.loads(line.partition(b"\n")[0])
    return spec


def _start(spec: dict[str, Any]) -> int:
    """Fork the function's process; return its id."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(spec, guard)
    except Exception as error:
        os.write(2, f"{spec['command'][0]} cannot be started: {error}\n".encode())
    os._exit(127)


def _become(spec: dict[str, Any], guard: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    requests, answers, logs = (fcntl.fcntl(number, fcntl.F_DUPFD, _FREE) for number in spec["fds"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (logs, 1), (logs, 2), (requests, REQUESTS), (answers, ANSWERS)):
        os.dup2(source, target)
    os.closerange(ANSWERS + 1, _FREE + 100)
    _prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        return
    memory = spec["memory"] * _MB
    limits = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, memory + max(memory, _MIN_EXTRA_BYTES)),
        (resource.RLIMIT_FSIZE, spec["storage"] * _MB),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
    )
    for kind, most in limits:
        _, highest = resource.getrlimit(kind)
        most = most if highest == resource.RLIM_INFINITY else min(most, highest)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
    os.chdir(spec["folder"])
    os.execve(spec["command"][0], spec["command"], spec["variables"])  # noqa: S606 (this is its purpose)


def _how(status: int) -> dict[str, Any]:
    code = os.waitstatus_to_exitcode(status)
    return {"ended": "exit", "code": code} if code >= 0 else {"ended": "signal", "signal": -code}


def _resident(pid: int) -> int:
    """Return the peak memory of a process so far, in bytes; 0 if unknown.

    Only Linux records the peak; elsewhere it is the memory in use now.
    """
    if sys.platform != "linux":
        return _resident_now(pid)
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123  (see above)
            status = file.read()
    except OSError:
        return 0
    _, found, rest = status.partition("VmHWM:")
    return int(rest.split(None, 1)[0]) * 1024 if found else 0


def _resident_now(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _resident_family() -> int:
    """Return the bytes in use by all descendants of this process."""
    import psutil

    total = 0
    for process in _descendants():
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _kill(processes: list[psutil.Process]) -> None:
    if not processes:
        return
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _descendants() -> list[psutil.Process]:
    import psutil

    return psutil.Process().children(recursive=True)


def _prctl(option: int, value: int) -> None:
    """Change a Linux-specific setting of this process; do nothing on other systems."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _remove(folder: str) -> None:
    try:
        os.rmdir(folder)  # noqa: PTH106  (see above)
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _report(content: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        os.write(REPORTS, json.dumps(content).encode() + b"\n")


if __name__ == "__main__":
    main()
