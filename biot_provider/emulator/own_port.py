"""A port on the loopback interface for a part of a platform that is not served, opened while it is needed.

Images are pushed over a socket even if the platform is in the same process, and functions call the platform over one,
since builders and functions support nothing else.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.http.server import Background


class OwnPort:
    """Where the platform itself is served, or a port that is opened when somebody asks for it.

    With `idle_seconds` it is closed when nobody has called for so long after the last call. It is the same port each
    time, if that one is free: addresses in a stack's state stay right. `name` is what it is remembered by.
    """

    def __init__(
        self, store: Store, name: str, app: Callable[[], WSGIApplication], *, idle_seconds: float | None = None
    ) -> None:
        self._store = store
        self._name = name
        self._app = app
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._served_at: str | None = None
        self._own: Background | None = None

    def set_served_host(self, host: str) -> None:
        """Record where the platform is served, as `host:port`."""
        self._served_at = host

    @property
    def host(self) -> str:
        """Return `host:port`, which listens from now on."""
        with self._lock:
            if self._served_at is not None:
                return self._served_at
            if self._own is None or not self._own.expect_call():
                if self._own is not None:
                    # The server ends by itself, and may hold the port until then.
                    self._own.close()
                self._own = self._open()
            return self._own.host

    def close(self) -> None:
        """Close the port."""
        with self._lock:
            if self._own is not None:
                self._own.close()
                self._own = None

    def _open(self) -> Background:
        # Most processes that open a platform need no port.
        from biot_provider.emulator.http.server import Background

        last = self._store.fact(self._name)
        if last is not None:
            with contextlib.suppress(OSError):
                return Background(self._app(), int(last), idle_seconds=self._idle_seconds)
        own = Background(self._app(), 0, idle_seconds=self._idle_seconds)
        self._store.set_fact(self._name, own.host.rpartition(":")[2])
        return own
