"""Reads of subscriptions for a refresh: those of one endpoint share one search."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from biot_provider.api.models.subscriptions import SubscriptionAnswer
from biot_provider.api.single_flight import SingleFlight
from biot_provider.lifecycle.shared_reads import MAX_AGE_SECONDS
from biot_provider.subscription.model import SubscriptionState
from biot_provider.subscription.writes import SubscriptionWrites, found_among

_WAIT_SECONDS = 60.0
"""How long a thread waits for another thread's search before it searches itself."""


@dataclass
class _Searched:
    """The results of a search; each subscription is read from it once, since a second read must see later changes."""

    rows: Sequence[SubscriptionAnswer]
    since: float
    read: set[object] = field(default_factory=set)


class SubscriptionReads:
    """The reads of one kind by one process, for all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._searches: dict[str, SingleFlight[None]] = {}
        self._searched: dict[str, _Searched] = {}

    def find(self, state: SubscriptionState, writes: SubscriptionWrites) -> SubscriptionAnswer | None:
        """Return the subscription as the platform shows it; one that a shared search lacks is searched separately."""
        endpoint = state.endpoint
        searched_now: list[bool] = []

        def search(_seconds: float) -> None:
            if not self._may_read(state):
                since = time.monotonic()
                searched = _Searched(writes.search(state), since)
                with self._lock:
                    self._searched[endpoint] = searched
                searched_now.append(True)

        try:
            if not self._may_read(state):
                self._searches.setdefault(endpoint, SingleFlight()).run(search, _WAIT_SECONDS)
        except TimeoutError:
            return writes.find(state)
        with self._lock:
            searched = self._searched.get(endpoint)
            if searched is not None:
                searched.read.add(state.identity())
        found = None if searched is None else found_among(searched.rows, state)
        return found if found is not None or searched_now else writes.find(state)

    def forget(self) -> None:
        """Drop all search results, since something was written."""
        with self._lock:
            self._searched.clear()

    def _may_read(self, state: SubscriptionState) -> bool:
        searched = self._searched.get(state.endpoint)
        if searched is None or time.monotonic() - searched.since >= MAX_AGE_SECONDS:
            return False
        return state.identity() not in searched.read
