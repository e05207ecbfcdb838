"""Runs a program of a build: without the secrets of Pulumi and this provider, with a time limit, quiet unless it fails.

Its child processes end with it, also when the user interrupts it or this process is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from biot_provider.api.redaction import redact
from biot_provider.errors import PackagingError
from biot_provider.recipe import guard

TIME_VARIABLE = "BIOT_BUILD_TIMEOUT"
DEFAULT_SECONDS = 900.0
"""Seconds that one build may take, unless the variable says otherwise."""
LAST_LINES = 15
"""Number of output lines of a failed build that its error shows."""

_OURS = ("BIOT_", "PULUMI_", "AWS_")
_NOT_FOR_BUILDS = frozenset(
    {
        *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "UV_COMPILE_BYTECODE"),
        *(
            "PIP_USER",
            "PIP_TARGET",
            "PIP_PREFIX",
            "PIP_ROOT",
            "PIP_REQUIRE_VIRTUALENV",
            "PIP_NO_BINARY",
            "UV_NO_BINARY",
        ),
    }
)
"""Variables that would make an installer install elsewhere, or from sources."""
_SHORTEST_SECRET = 8
_EPOCH = "315532800"
"""1980-01-01, the time of every file in a package; builds that write a time use it."""
_MAX_LINE = 300
_MAX_OUTPUT = 256 * 1024
"""Maximum bytes at the end of the output that are kept."""


class FailedRunError(Exception):
    """A program ended with an error; ``output`` is the end of its output, without secrets."""

    def __init__(self, code: int, output: str) -> None:
        super().__init__(f"exit code {code}")
        self.code = code
        self.output = output

    @property
    def last_lines(self) -> str:
        """The end of the output, indented, to follow an error line."""
        lines = [line.rstrip() for line in self.output.splitlines() if line.strip()][-LAST_LINES:]
        return "\n".join(f"  {line[:_MAX_LINE]}" for line in lines) or "  (it wrote nothing)"


@dataclass(frozen=True)
class Runner:
    """Runs programs for one build, in the build's folder and within its time limit.

    ``place`` names the plugin's sources in messages; ``ends`` is the deadline, after ``seconds``, on the monotonic
    clock.
    """

    folder: Path
    place: str
    seconds: float
    ends: float
    environment: Mapping[str, str]

    @classmethod
    def new(cls, folder: Path, place: str) -> Runner:
        """Return a runner; its time begins now. Raises PackagingError for an invalid time limit."""
        given = os.environ.get(TIME_VARIABLE, "")
        try:
            seconds = float(given) if given else DEFAULT_SECONDS
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            raise PackagingError(
                f"{TIME_VARIABLE} must be seconds, such as {DEFAULT_SECONDS:.0f}, not {given!r}", "BIOT-3117"
            )
        (folder / "tmp").mkdir()
        return cls(folder, place, seconds, time.monotonic() + seconds, _environment(folder / "tmp"))

    def run(self, command: Sequence[str], cwd: Path, what: str, path: Iterable[Path] = ()) -> str:
        """Run a program and return the end of its output; ``path`` is put before the PATH.

        Raises FailedRunError when it fails, PackagingError when it takes too long or cannot be started.
        """
        variables = dict(self.environment)
        variables["PATH"] = os.pathsep.join([*map(str, path), variables.get("PATH", os.defpath)])
        left = self.ends - time.monotonic()
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(  # noqa: S603
                    self._guarded(command),
                    cwd=cwd,
                    env=variables,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    umask=0o022,
                )
            except OSError as error:
                raise PackagingError(
                    f"{self.place}: {what} cannot be started: {error.strerror or error}", "BIOT-3119"
                ) from None
            # When the block ends, the pipe closes, which ends the guard; the block waits for it.
            with process:
                try:
                    code = process.wait(max(left, 0.0))
                except subprocess.TimeoutExpired:
                    code = None
            output.seek(max(output.seek(0, os.SEEK_END) - _MAX_OUTPUT, 0))
            text = redact(output.read().decode(errors="replace"), _secrets())
        if code is None:
            raise PackagingError(
                f"{self.place}: {what} did not end within the {self.seconds:g} s of a build: see what it waits for, or"
                f" give it more in {TIME_VARIABLE}; its last lines:\n{FailedRunError(0, text).last_lines}",
                "BIOT-3118",
            )
        if code != 0:
            raise FailedRunError(code, text)
        return text

    def _guarded(self, command: Sequence[str]) -> list[str]:
        return [sys.executable, "-I", "-S", guard.__file__, str(self.folder), os.devnull, *command]


def _environment(temporary: Path) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.upper().startswith(_OURS) and key.upper() not in _NOT_FOR_BUILDS
    }
    return kept | {
        **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(temporary)),
        "CI": "true",
        "NO_COLOR": "1",
        "SOURCE_DATE_EPOCH": _EPOCH,
    }


def _secrets() -> list[str]:
    """Return secrets that the build did not get, but that a file it reads may contain."""
    return [
        value
        for key, value in os.environ.items()
        if key.upper().startswith(_OURS)
        and any(word in key.upper() for word in ("SECRET", "TOKEN", "PASS", "KEY"))
        and len(value) >= _SHORTEST_SECRET
    ]
