"""Which subscriptions the resources of the run's other provider processes have: their deletion here would end them."""

from __future__ import annotations

from biot_provider.lifecycle.run_notes import RunNotes
from biot_provider.subscription.ids import digest_of
from biot_provider.subscription.model import SubscriptionState


class HadSubscriptions:
    """The subscriptions of the other processes; what this one has, it tells them. Endpoints go as digests."""

    def __init__(self, notes: RunNotes) -> None:
        self._notes = notes

    def add(self, state: SubscriptionState) -> None:
        """Let the other processes know of this one."""
        self._notes.add({"digest": digest_of(state), "id": state.platform_id})

    def __contains__(self, state: SubscriptionState) -> bool:
        """Return whether another process has this one: equal in every part, and of the same id where both are known."""
        digest = digest_of(state)
        return any(
            note.get("digest") == digest and (note.get("id") or state.platform_id) in (state.platform_id, None)
            for note in self._notes.of_others()
        )
