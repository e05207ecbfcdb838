"""The declarations of this run's resources, so that a preview reports two that declare the same.

The engine deletes unwanted resources at the end of a run, in the process that has seen all declarations: deleting a
resource leaves alone what another resource declares.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")


class Declarations(Generic[KeyT]):
    """The keys that each owner declares; shared by all threads."""

    def __init__(self) -> None:
        self._keys: dict[str, KeyT] = {}
        self._owners: dict[KeyT, dict[str, None]] = {}
        """The owners that declare a key, in the order of their declarations."""
        self._lock = threading.Lock()

    def declare(self, owner: str, key: KeyT | None) -> str | None:
        """Record the key that an owner declares, in place of its former one; return another owner of the same key."""
        with self._lock:
            if owner in self._keys:
                del self._owners[self._keys.pop(owner)][owner]
            if key is None:
                return None
            other = self._owner(key)
            self._keys[owner] = key
            self._owners.setdefault(key, {})[owner] = None
            return other

    def owner(self, key: KeyT) -> str | None:
        """Return the owner that declares this key in this run."""
        with self._lock:
            return self._owner(key)

    def _owner(self, key: KeyT) -> str | None:
        return next(iter(self._owners.get(key, ())), None)
