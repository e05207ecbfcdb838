"""The subscriptions of the run's other provider processes, which a deletion in this process would end."""

from __future__ import annotations

from biot_provider.lifecycle.run_notes import RunNotes
from biot_provider.subscription.ids import digest_of
from biot_provider.subscription.model import SubscriptionState


class HadSubscriptions:
    """The subscriptions of the other processes, which learn those of this process. Notes have digests of endpoints."""

    def __init__(self, notes: RunNotes) -> None:
        self._notes = notes

    def add(self, state: SubscriptionState) -> None:
        """Inform the other processes of this subscription."""
        self._notes.add({"digest": digest_of(state), "id": state.platform_id})

    def __contains__(self, state: SubscriptionState) -> bool:
        """Return whether another process has this subscription: with equal parts, and the same id if both are known."""
        digest = digest_of(state)
        return any(
            note.get("digest") == digest and (note.get("id") or state.platform_id) in (state.platform_id, None)
            for note in self._notes.of_others()
        )
