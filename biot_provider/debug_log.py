"""``BIOT_LOG=debug``: each request and its answer as a line of JSON in a file, timed and without secrets.

The file is ``.biot/debug.log`` in the project, or the one ``BIOT_LOG_FILE`` names. Redacted are: the values of
environment variables, anything whose name speaks of a secret, and every secret of the request wherever it occurs.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biot_provider.redaction import redact

REDACTED = "[secret]"

_SECRET_NAME = re.compile(r"secret|password|token|jwt|authorization|credential|accesskey", re.IGNORECASE)
_QUOTED = 2000


def is_debugging(environment: Mapping[str, str]) -> bool:
    """Whether the user asked for the log."""
    return environment.get("BIOT_LOG", "").lower() == "debug"


class DebugLog:
    """Appends to one file; shared by the threads of a process, and by processes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    @classmethod
    def configured(cls, environment: Mapping[str, str]) -> DebugLog | None:
        """The log the environment asks for, or None."""
        if not is_debugging(environment):
            return None
        return cls(Path(environment.get("BIOT_LOG_FILE") or Path(".biot", "debug.log")))

    def note(
        self,
        *,
        method: str,
        url: str,
        seconds: float,
        sent: Mapping[str, Any],
        traceparent: str,
        status: int | None,
        answer: bytes,
        error: str | None,
        secrets: Iterable[str],
    ) -> None:
        """Write one request and what came of it. A log that cannot be written is no reason to stop."""
        entry: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "process": os.getpid(),
            "method": method,
            "url": url,
            "seconds": round(seconds, 3),
            "traceparent": traceparent,
            "sent": without_secrets(sent),
        }
        if status is not None:
            entry |= {"status": status, "answer": _shown(answer)}
        if error is not None:
            entry["error"] = error
        line = redact(json.dumps(entry, ensure_ascii=False), secrets)
        try:
            with self._lock:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                    file.write(line + "\n")
        except OSError:
            return


def without_secrets(value: Any, name: str = "") -> Any:
    """The value with everything struck out that is a secret by its name; variables keep their names."""
    if name == "environmentVariables" and isinstance(value, Mapping):
        return dict.fromkeys(value, REDACTED)
    if isinstance(value, Mapping):
        return {key: without_secrets(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, name) for item in value]
    return REDACTED if isinstance(value, str) and _SECRET_NAME.search(name) else value


def _shown(answer: bytes) -> Any:
    try:
        return without_secrets(json.loads(answer))
    except ValueError:
        return answer.decode(errors="replace")[:_QUOTED]
