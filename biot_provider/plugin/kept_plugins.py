"""The plugins of a run's resources: the engine may hold one twice, as a resource and as one to be deleted."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from biot_provider.lifecycle.run_notes import RunNotes
from biot_provider.plugin.model import PluginState
from biot_provider.plugin.stamp import is_remade

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NOTED = ("name", "creation_time", "endpoint_url")


class KeptPlugins:
    """The plugins that are not to be deleted in this run."""

    def __init__(self, notes: RunNotes) -> None:
        self._notes = notes
        self._states: list[PluginState] = []

    def add(self, state: PluginState) -> None:
        """Keep the plugin of this state."""
        if not _holds(self._states, state):
            self._states.append(state)
            self._notes.add({name: getattr(state, name) for name in _NOTED})

    def __contains__(self, state: PluginState) -> bool:
        """Return whether the plugin of this state is kept, by this process or another one of the run."""
        return _holds(self._states, state) or _holds(self._of_others(), state)

    def _of_others(self) -> Iterator[PluginState]:
        for note in self._notes.of_others():
            with contextlib.suppress(ValueError, KeyError):
                yield PluginState(**{name: note[name] for name in _NOTED})


def _holds(plugins: Iterable[PluginState], state: PluginState) -> bool:
    return any(one.name == state.name and not is_remade(one, state) for one in plugins)
