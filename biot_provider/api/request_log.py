"""``BIOT_LOG=debug``: each request and its answer as a line of JSON in a file, timed and without secrets.

The file is ``.biot/debug.log`` in the project, or the one ``BIOT_LOG_FILE`` names. Redacted are: the values of
environment variables, anything whose name speaks of a secret, and every secret of the request wherever it occurs, in
whole or in part (see ``redaction.py``).
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biot_provider.api.redaction import REDACTED, Redaction

_SECRET_NAME = re.compile(r"secret|password|token|jwt|authorization|credential|accesskey", re.IGNORECASE)
_QUOTED = 2000


def is_debugging(environment: Mapping[str, str]) -> bool:
    """Whether the user asked for the log."""
    return environment.get("BIOT_LOG", "").lower() == "debug"


def log_file(environment: Mapping[str, str]) -> Path:
    """Where the log is written."""
    return Path(environment.get("BIOT_LOG_FILE") or Path(".biot", "debug.log"))


def open_log(file: Path) -> int:
    """A descriptor to append to the log, which only its owner may read. Raises OSError, and ValueError for no path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # Without waiting: a pipe that nobody reads is an error and not the end of the run.
    waits_not: int = getattr(os, "O_NONBLOCK", 0)
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | waits_not, 0o600)


class DebugLog:
    """Appends to one file; shared by the threads of a process, and by processes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._has_failed = False

    @classmethod
    def configured(cls, environment: Mapping[str, str]) -> DebugLog | None:
        """The log the environment asks for, or None."""
        return cls(log_file(environment)) if is_debugging(environment) else None

    def write(
        self,
        *,
        method: str,
        url: str,
        seconds: float,
        sent: Mapping[str, Any],
        traceparent: str,
        status: int | None,
        response: bytes,
        error: str | None,
        secrets: Iterable[str],
    ) -> None:
        """Write one request and what came of it.

        A log that cannot be written stops nothing: the first time, one line on the error output says so.
        """
        entry: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "process": os.getpid(),
            "method": method,
            "url": url,
            "seconds": round(seconds, 3),
            "traceparent": traceparent,
        }
        try:
            strike = Redaction(secrets)
            entry["sent"] = without_secrets(sent, strike)
            if status is not None:
                entry |= {"status": status, "answer": _shown(response, strike)}
            if error is not None:
                entry["error"] = strike(error)
            self._append(json.dumps(entry, ensure_ascii=False) + "\n")
        except Exception as failure:
            self._complain(failure)

    def _append(self, line: str) -> None:
        with self._lock, os.fdopen(open_log(self._file), "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line)

    def _complain(self, failure: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            reason = getattr(failure, "strerror", None) or type(failure).__name__
            sys.stderr.write(
                f"warning: the debug log {str(self._file)!r} cannot be written ({reason}), and the run goes on without"
                " it: name another file in BIOT_LOG_FILE\n"
            )
            sys.stderr.flush()


def without_secrets(value: Any, strike: Callable[[str], str], name: str = "") -> Any:
    """The value with everything struck out that is a secret, by its name or by itself; variables keep their names."""
    if name == "environmentVariables" and isinstance(value, Mapping):
        return dict.fromkeys(value, REDACTED)
    if isinstance(value, Mapping):
        return {strike(str(key)): without_secrets(item, strike, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, strike, name) for item in value]
    if isinstance(value, str):
        return REDACTED if _SECRET_NAME.search(name) else strike(value)
    # A number may be a secret, too.
    struck = strike(text := json.dumps(value))
    return value if struck == text else struck


def _shown(response: bytes, strike: Callable[[str], str]) -> Any:
    try:
        content = json.loads(response)
    except ValueError:
        return strike(response[: 2 * _QUOTED].decode(errors="replace"))[:_QUOTED]
    return without_secrets(content, strike)
