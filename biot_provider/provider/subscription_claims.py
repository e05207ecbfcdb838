"""Which subscriptions the resources of this run declare: found by their checks, in this process.

So two resources of one subscription are told in a preview, two of one order are warned of, and a resource that goes
away leaves alone what another one has taken over.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

Slot = tuple[str, str, int]
"""Type, API or entity, and order of an interception."""


@dataclass
class Claims:
    """The declared subscriptions by their resource's owner (``project/stack/name``); used by all threads."""

    _identities: dict[str, str] = field(default_factory=dict)
    _slots: dict[str, Slot] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, owner: str, identity: str, slot: Slot | None = None) -> tuple[str | None, str | None]:
        """Note what a resource declares, in place of what it declared before.

        Gives the owner of the same subscription and the owner of the same order, other ones, None where there is none.
        """
        with self._lock:
            self._identities[owner] = identity
            self._slots.pop(owner, None)
            if slot is not None:
                self._slots[owner] = slot
            same = _other(self._identities, owner, identity)
            return same, None if same or slot is None else _other(self._slots, owner, slot)

    def holder(self, identity: str) -> str | None:
        """The owner that declares this subscription in this run."""
        with self._lock:
            return next((owner for owner, claimed in self._identities.items() if claimed == identity), None)


def _other(claims: dict[str, str] | dict[str, Slot], owner: str, wanted: object) -> str | None:
    return next((other for other, claimed in claims.items() if other != owner and claimed == wanted), None)
