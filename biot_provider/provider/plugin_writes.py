"""Create, update and delete a plugin so that it ends as declared, or in an error that says what is known.

Nothing here knows Pulumi. One write each; a repeat comes only after a read told what became of the write before,
so that there is never a second plugin.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from biot_provider.errors import BiotError, ConflictError, LifecycleError, NotFoundError
from biot_provider.models import PluginAnswer, PluginInputs, PluginState
from biot_provider.provider.attempts import Deadline, rollback_failed, settle, unclear
from biot_provider.provider.plugin_state import (
    CODE,
    SEED,
    UPDATABLE,
    VARIABLES,
    Stamp,
    create_body,
    has_code,
    observed,
    observed_code,
    owner_hash,
)
from biot_provider.provider.plugin_update import PluginUpdate, deployed, zipped

if TYPE_CHECKING:
    from biot_provider.client import Client


class PluginWrites:
    """The writes to plugins over one client.

    ``stamps`` says whether plugins carry the owner's stamp, ``seconds`` bounds each operation, ``tell`` shows the
    user one line. ``went_on`` is kept from one operation to the next: the owners and names of plugins that a create of
    this process met and went on with.
    """

    def __init__(
        self,
        client: Client,
        *,
        stamps: bool,
        seconds: float,
        tell: Callable[[str], None],
        went_on: set[tuple[str | None, str]],
    ) -> None:
        self._client = client
        self._stamps = stamps
        self._seconds = seconds
        self._tell = tell
        self._went_on = went_on

    def create(self, inputs: PluginInputs) -> PluginState:
        """Create the plugin, or go on with one that an interrupted create of ours has left.

        Raises LifecycleError when the name is another's.
        """
        deadline = Deadline(self._seconds)
        unsure: list[BiotError] = []

        def write() -> tuple[PluginAnswer, bool]:
            try:
                with zipped(inputs) as code:
                    body = create_body(inputs, stamp=self._stamps)
                    return self._client.create_plugin(body, code, timeout=deadline.for_write()), True
            except ConflictError:
                found = self._find(inputs.name, deadline)
                if found is None:
                    raise
                return found, False

        def judge(found: PluginAnswer | None, error: BiotError) -> tuple[PluginAnswer, bool] | None:
            unsure.extend([error] if unclear(error) else [])
            return None if found is None else (found, False)

        # Without stamps, only a name that was free before can tell that a plugin is of this very create.
        answer, made = None if self._stamps else self._find(inputs.name, deadline), False
        if answer is None:
            not_done = f"Plugin {inputs.name!r} was not found there afterwards"
            answer, made = settle(deadline, write, lambda: self._find(inputs.name, deadline), judge, not_done)
        if made:
            return deployed(answer, inputs)
        state = self._take_over(inputs, answer, unsure)
        self._went_on.add((inputs.owner, inputs.name))
        return state

    def update(self, state: PluginState, inputs: PluginInputs) -> PluginState:
        """Change what differs; code only when it changed. Raises LifecycleError when the plugin is gone."""
        return self._update(state, inputs, frozenset())

    def delete(self, state: PluginState) -> None:
        """Delete the plugin; one that is gone already is deleted. Raises LifecycleError when it is another's now."""
        # The engine asks no provider which comes first where the user forces a replacement: the create has then met,
        # and kept, the very plugin that is to go.
        if (state.owner, state.name) in self._went_on:
            self._tell(f"plugin {state.name!r}: is kept, not made anew: its replacement has taken it over")
            return
        deadline = Deadline(self._seconds)

        def look() -> PluginAnswer | None:
            found = self._find(state.name, deadline)
            stamp = Stamp.found(found) if found and self._stamps else None
            if stamp is not None and state.owner is not None and stamp.owner != owner_hash(state.owner):
                raise LifecycleError(
                    f"delete plugin {state.name!r}: it now belongs to another stack or resource (owner {stamp.owner}),"
                    " so it is left alone. What to do: run `pulumi state delete` for this resource"
                )
            return found

        def write() -> bool:
            if look() is not None:
                with contextlib.suppress(NotFoundError):
                    self._client.delete_plugin(state.name, timeout=deadline.for_write())
            return True

        settle(
            deadline,
            write,
            look,
            lambda found, _error: None if found else True,
            f"Plugin {state.name!r} is still there",
        )

    def _update(self, state: PluginState, inputs: PluginInputs, also: frozenset[str]) -> PluginState:
        deadline = Deadline(self._seconds)
        return PluginUpdate(self._client, state, inputs, deadline, stamps=self._stamps, also=also).run()

    def _take_over(self, inputs: PluginInputs, found: PluginAnswer, unsure: list[BiotError]) -> PluginState:
        """Go on with a plugin that exists: ours, or anyone's when ``adopt`` says so.

        ``unsure`` are the failures of this very create that may have made it.
        """
        stamp = Stamp.found(found)
        stamped = stamp is not None and stamp.owner == owner_hash(inputs.owner)
        mine = stamped or (not self._stamps and bool(unsure) and _fits(found, inputs))
        if not mine and not inputs.adopt:
            whose = f"belongs to another stack or resource (owner {stamp.owner})" if stamp else "carries no stamp"
            raise LifecycleError(
                f"create plugin {inputs.name!r}: a plugin of that name exists already and {whose}."
                " What to do: choose another name, or set adopt=True to take it over"
            )
        other_type = (found.deployment_package_type or inputs.package_type) != inputs.package_type
        to_seed = stamp is not None and stamp.digest != SEED and not has_code(inputs)
        if stamped and (other_type or to_seed):
            self._tell(f"plugin {inputs.name!r}: what an interrupted create left cannot become this one: made anew")
            self.delete(observed(found, inputs))
            return self.create(inputs)
        if other_type:
            raise LifecycleError(
                f"create plugin {inputs.name!r}: the existing plugin is of package type"
                f" {found.deployment_package_type}, which cannot change. What to do: delete it, or choose another name"
            )
        also: set[str] = set()
        if not mine:
            owner = f" of owner {stamp.owner}" if stamp else ""
            self._tell(f"warning: plugin {inputs.name!r}: takes over the existing plugin{owner} (adopt is set)")
            also |= {VARIABLES} if self._stamps else set()
        if any(rollback_failed(error) for error in unsure):
            also |= UPDATABLE | ({CODE} if has_code(inputs) else set())
        version = (inputs.version or 1) if mine else None
        state = observed(found, inputs)
        state = observed_code(
            state, found, stamp if self._stamps else None, version=version, created=found.creation_time
        )
        return self._update(state, inputs, frozenset(also))

    def _find(self, name: str, deadline: Deadline) -> PluginAnswer | None:
        try:
            return self._client.get_plugin(name, timeout=deadline.for_read())
        except NotFoundError:
            return None


def _fits(found: PluginAnswer, inputs: PluginInputs) -> bool:
    return (found.display_name, found.version) == (inputs.display_name, inputs.version or 1)
