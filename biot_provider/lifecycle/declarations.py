"""What the resources of this run declare, so that two that declare the same are named in a preview.

The engine deletes what is no longer wanted at the end of a run, in the process that has seen all that is: a resource
that goes leaves alone what another one declares.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")


class Declarations(Generic[KeyT]):
    """What each owner declares; used by all threads."""

    def __init__(self) -> None:
        self._keys: dict[str, KeyT] = {}
        self._owners: dict[KeyT, dict[str, None]] = {}
        """Those who declare a key, in the order in which they did."""
        self._lock = threading.Lock()

    def declare(self, owner: str, key: KeyT | None) -> str | None:
        """Note what an owner declares, in place of what it declared before; gives another owner of the same."""
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
        """Return the owner that declares this in this run."""
        with self._lock:
            return self._owner(key)

    def _owner(self, key: KeyT) -> str | None:
        return next(iter(self._owners.get(key, ())), None)
