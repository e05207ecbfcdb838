"""Which subscriptions the resources of this run declare and have, found by their checks and diffs in this process.

So two resources of one subscription are told in a preview, two of one order are warned of, and a resource that goes
away leaves alone what another one has taken over. Whose a subscription is stands in state, never here alone.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from biot_provider.subscription.model import SubscriptionState

Key = tuple[str, ...]
"""What tells a subscription from all others."""

Slot = tuple[str, str, object]
"""Type, API or entity, and order of an interception."""


@dataclass
class Claims:
    """The declared subscriptions by their resource's owner, and the states by subscription; used by all threads."""

    _keys: dict[str, Key] = field(default_factory=dict)
    _slots: dict[str, Slot] = field(default_factory=dict)
    _states: dict[Key, SubscriptionState] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, owner: str, key: Key, slot: Slot | None = None) -> tuple[str | None, str | None]:
        """Note what a resource declares, in place of what it declared before.

        Gives the owner of the same subscription and the owner of the same order, other ones, None where there is none.
        """
        with self._lock:
            self._keys[owner] = key
            self._slots.pop(owner, None)
            if slot is not None:
                self._slots[owner] = slot
            same = _other(self._keys, owner, key)
            return same, None if same or slot is None else _other(self._slots, owner, slot)

    def holder(self, key: Key) -> str | None:
        """The owner that declares this subscription in this run."""
        with self._lock:
            return next((owner for owner, claimed in self._keys.items() if claimed == key), None)

    def note(self, state: SubscriptionState) -> None:
        """Note what the stack has: a resource that is replaced may declare the same subscription anew."""
        with self._lock:
            self._states[state.key()] = state

    def noted(self, key: Key) -> SubscriptionState | None:
        """The state that was noted of a subscription."""
        with self._lock:
            return self._states.get(key)


def _other(claims: dict[str, Key] | dict[str, Slot], owner: str, wanted: object) -> str | None:
    return next((other for other, claimed in claims.items() if other != owner and claimed == wanted), None)
