"""``BIOT_LOG=debug``: each request and its response as a line of JSON in a file, timed and without secrets.

The file is ``.biot/debug.log`` in the project, or the one ``BIOT_LOG_FILE`` names. The values of environment variables,
members with the name of a secret, and every secret of the request are redacted wherever they occur, in whole or in part
(see ``redaction.py``).
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
from biot_provider.errors import Notice, reason

_SECRET_NAME = re.compile(r"secret|password|token|jwt|authorization|credential|accesskey", re.IGNORECASE)
_QUOTED = 2000


def is_debugging(environment: Mapping[str, str]) -> bool:
    """Return whether the environment turns the log on."""
    return environment.get("BIOT_LOG", "").lower() == "debug"


def log_file(environment: Mapping[str, str]) -> Path:
    """Return the path of the log."""
    return Path(environment.get("BIOT_LOG_FILE") or Path(".biot", "debug.log"))


def open_log(file: Path) -> int:
    """Return a descriptor to append to the log, which only its owner may read.

    Raises OSError, and ValueError for a name that is not a path.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # Non-blocking: a pipe without a reader is then an error and does not hang the run.
    without_waiting: int = getattr(os, "O_NONBLOCK", 0)
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | without_waiting, 0o600)


class DebugLog:
    """Appends to one file; shared by the threads of a process, and by processes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._has_failed = False

    @classmethod
    def configured(cls, environment: Mapping[str, str]) -> DebugLog | None:
        """Return the log if the environment turns it on, else None."""
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
        """Write one request with its response or error.

        A log that cannot be written stops nothing: one line on standard error reports the first failure.
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
            redact = Redaction(secrets)
            entry["sent"] = without_secrets(sent, redact)
            if status is not None:
                entry |= {"status": status, "answer": _shown(response, redact)}
            if error is not None:
                entry["error"] = redact(error)
            self._append(json.dumps(entry, ensure_ascii=False) + "\n")
        except Exception as failure:
            self._warn_once(failure)

    def _append(self, line: str) -> None:
        with self._lock, os.fdopen(open_log(self._file), "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line)

    def _warn_once(self, failure: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            notice = Notice(
                f"the debug log {str(self._file)!r} cannot be written ({reason(failure)}), and the run continues"
                " without it: name another file in BIOT_LOG_FILE",
                "BIOT-8039",
            )
            sys.stderr.write(f"{notice}\n")
            sys.stderr.flush()


def without_secrets(value: Any, redact: Callable[[str], str], name: str = "") -> Any:
    """Return the value without secrets, recognised by their names or values; environment variables keep their names."""
    if name == "environmentVariables" and isinstance(value, Mapping):
        return dict.fromkeys(value, REDACTED)
    if isinstance(value, Mapping):
        return {redact(str(key)): without_secrets(item, redact, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, redact, name) for item in value]
    if isinstance(value, str):
        return REDACTED if _SECRET_NAME.search(name) else redact(value)
    # A number may be a secret too.
    text = json.dumps(value)
    redacted = redact(text)
    return value if redacted == text else redacted


def _shown(response: bytes, redact: Callable[[str], str]) -> Any:
    try:
        content = json.loads(response)
    except ValueError:
        return redact(response[: 2 * _QUOTED].decode(errors="replace"))[:_QUOTED]
    return without_secrets(content, redact)
