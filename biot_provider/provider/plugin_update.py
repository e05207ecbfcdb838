"""One update of a plugin: sends what differs, and after an unclear outcome only what still does.

Nothing here knows Pulumi.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from biot_provider.errors import ApiError, BiotError, LifecycleError, NotFoundError, PackagingError
from biot_provider.models import PluginAnswer, PluginInputs, PluginState
from biot_provider.packaging import read_package
from biot_provider.provider.attempts import Deadline, rollback_failed, settle, unclear
from biot_provider.provider.plugin_state import (
    CODE,
    VARIABLES,
    Stamp,
    changed_fields,
    code_identity,
    is_foreign,
    observed,
    owner_hash,
    update_body,
)

if TYPE_CHECKING:
    from biot_provider.client import Client

_VERSION_TOO_LOW = "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE"


class PluginUpdate:
    """The way from ``state`` to ``inputs``; ``also`` names fields to send although they do not differ."""

    def __init__(
        self,
        client: Client,
        state: PluginState,
        inputs: PluginInputs,
        deadline: Deadline,
        *,
        stamps: bool,
        also: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._state = state
        self._inputs = inputs
        self._deadline = deadline
        self._stamps = stamps
        self._changed = changed_fields(state, inputs) | also
        if stamps and owner_hash(state.owner) != owner_hash(inputs.owner):
            self._changed.add(VARIABLES)  # a stack or resource that was renamed keeps its plugin by a new stamp
        self._insisted = set(also)
        self._unsure: set[int] = set()
        """Versions of code that may have been deployed, the answer being lost."""
        self._version: int | None = None
        """The version of code that was sent last."""

    def run(self) -> PluginState:
        """Carry it out. Raises LifecycleError when the plugin is gone, or keeps a schedule it was told to clear."""
        name = self._inputs.name
        try:
            return settle(
                self._deadline, self._write, self._look, self._judge, f"Plugin {name!r} does not show the change"
            )
        except NotFoundError as error:
            raise LifecycleError(
                f"update plugin {name!r}: it no longer exists (trace id {error.trace_id})."
                " What to do: run `pulumi up --refresh`, which creates it again"
            ) from None

    def _look(self) -> PluginAnswer:
        return self._client.get_plugin(self._inputs.name, timeout=self._deadline.for_read())

    def _write(self) -> PluginState:
        # Read first: the plugin must still be ours, and the version above what is there now, whoever deployed it.
        answer = self._look()
        self._refuse_if_anothers(answer)
        if CODE in self._changed and answer.version != self._state.version:
            self._changed = self._remaining(answer)
        try:
            return self._send(answer)
        except ApiError as error:
            if error.code != _VERSION_TOO_LOW:
                raise
            answer = self._look()
            self._changed = self._remaining(answer)
            return self._send(answer)

    def _refuse_if_anothers(self, answer: PluginAnswer) -> None:
        """Stop before anything is written to a plugin that this stack did not deploy: the address may be wrong."""
        if self._inputs.adopt or not self._stamps:
            return
        stamp = Stamp.found(answer)
        ours = {owner_hash(self._state.owner), owner_hash(self._inputs.owner)}
        asked = f"update plugin {self._inputs.name!r}: nothing was changed, for"
        advice = "What to do: check that biot:baseUrl is this stack's platform; then"
        if stamp is not None and stamp.owner not in ours:
            raise LifecycleError(
                f"{asked} the plugin belongs to another stack or resource (owner {stamp.owner})."
                f" {advice} set adopt=True to take it over"
            )
        if stamp is None and self._state.creation_time not in ("", answer.creation_time):
            raise LifecycleError(
                f"{asked} it is not the plugin that this stack deployed: it carries no stamp and was created at"
                f" {answer.creation_time}, not {self._state.creation_time}."
                f" {advice} run `pulumi up --refresh` to go on with it"
            )

    def _send(self, answer: PluginAnswer) -> PluginState:
        changed, inputs = self._changed, self._inputs
        if not changed:
            return deployed(answer, inputs)
        self._version = max(inputs.version or 0, answer.version + 1) if CODE in changed else None
        body = update_body(inputs, changed, version=self._version, stamp=self._stamps)
        with zipped(inputs) if CODE in changed else contextlib.nullcontext() as code:
            answer = self._client.update_plugin(inputs.name, body, code, timeout=self._deadline.for_write())
        _refuse_kept_schedule(answer, inputs, changed)
        return deployed(answer, inputs)

    def _judge(self, answer: PluginAnswer, error: BiotError) -> PluginState | None:
        if rollback_failed(error):
            self._insisted |= self._changed  # what it shows may not be what runs: all of it once more
        else:
            self._insisted.clear()
            if unclear(error) and self._version is not None:
                self._unsure.add(self._version)
        self._changed = self._remaining(answer)
        return None if self._changed else deployed(answer, self._inputs)

    def _remaining(self, answer: PluginAnswer) -> set[str]:
        """What is still to change, given what the platform shows now."""
        left = changed_fields(observed(answer, self._inputs), self._inputs)
        stamp = Stamp.found(answer) if self._stamps else None
        if CODE in self._changed and not self._landed(answer, stamp):
            left.add(CODE)
        mine = stamp is not None and stamp.owner == owner_hash(self._inputs.owner)
        if VARIABLES in self._changed and self._stamps and not mine:
            left.add(VARIABLES)
        return left | self._insisted

    def _landed(self, answer: PluginAnswer, stamp: Stamp | None) -> bool:
        """Whether the platform runs the code already, by a write of ours whose answer was lost."""
        wanted = code_identity(self._inputs)
        if answer.version in self._unsure:
            return stamp is None or stamp.digest == wanted
        # A write of an earlier run that was killed left its stamp, and the version it must have sent.
        expected = max(self._inputs.version or 0, (self._state.version or 0) + 1)
        return (
            stamp is not None
            and stamp.digest == wanted
            and answer.version == expected
            and not is_foreign(self._state.code_digest)
        )


def deployed(answer: PluginAnswer, inputs: PluginInputs) -> PluginState:
    """The state after a write of these inputs that the platform answered so."""
    return observed(answer, inputs.model_copy(update={"declared_version": inputs.version}))


@contextlib.contextmanager
def zipped(inputs: PluginInputs) -> Iterator[IO[bytes] | None]:
    """The zip of the code as a file, or None when there is no code of its own.

    Raises PackagingError when it is no longer the code that was declared.
    """
    if inputs.code is None:
        yield None
        return
    package = read_package(Path(inputs.code))
    if package.digest != inputs.code_digest:
        raise PackagingError(f"code: {package.source} changed after the preview looked at it: run `pulumi up` again")
    with tempfile.TemporaryFile() as target:
        package.write_zip(target)
        target.seek(0)
        yield target


def _refuse_kept_schedule(answer: PluginAnswer, inputs: PluginInputs, changed: set[str]) -> None:
    if "cron_schedule" in changed and inputs.cron_schedule is None and answer.cron_schedule is not None:
        raise LifecycleError(
            f"update plugin {inputs.name!r}: the platform keeps the schedule {answer.cron_schedule!r}"
            " although it was told to clear it. What to do: give enabled_state='DISABLED', or replace the plugin"
            " (`pulumi up --replace <urn>`)"
        )
