"""Where the image registry of a platform listens.

Images are pushed over a socket even if the platform is in the same process: whatever pushes knows no other way.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

    from .server import Background
    from .store import Store

_FACT = "registry port"


class RegistryPort:
    """Where the platform itself is served, or a port of its own that is opened when somebody first asks for it.

    The port is the one it was last time, if that one is free: addresses in a stack's state stay right.
    """

    def __init__(self, store: Store, app: Callable[[], WSGIApplication]) -> None:
        self._store = store
        self._app = app
        self._lock = threading.Lock()
        self._served_at: str | None = None
        self._own: Background | None = None

    def is_at(self, host: str) -> None:
        """Take note of where the platform is served, as `host:port`."""
        self._served_at = host

    @property
    def host(self) -> str:
        """`host:port`, which listens from now on."""
        with self._lock:
            if self._served_at is not None:
                return self._served_at
            if self._own is None:
                self._own = self._open()
            return self._own.host

    def close(self) -> None:
        """Give an own port back."""
        with self._lock:
            if self._own is not None:
                self._own.close()
                self._own = None

    def _open(self) -> Background:
        # Most processes that open a platform push no image.
        from .server import Background

        with self._store.reading() as db:
            row = db.execute("SELECT value FROM facts WHERE name = ?", (_FACT,)).fetchone()
        if row is not None:
            with contextlib.suppress(OSError):
                return Background(self._app(), int(row["value"]))
        own = Background(self._app(), 0)
        with self._store.writing() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_FACT, own.host.rpartition(":")[2]))
        return own
