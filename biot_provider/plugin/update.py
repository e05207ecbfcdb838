"""One update of a plugin: sends the differences, and after an unclear outcome only the remaining ones.

Nothing here knows Pulumi.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.api.models.wide import number
from biot_provider.errors import ApiError, BiotError, LifecycleError
from biot_provider.lifecycle.settle import rollback_failed, settle, unclear
from biot_provider.plugin.body import is_over_limit, update_body
from biot_provider.plugin.model import MAX_VERSION, PluginState
from biot_provider.plugin.package import deployed_package
from biot_provider.plugin.stamp import UNKNOWN_CODE, Stamp, code_identity, is_another, is_foreign, owner_hash
from biot_provider.plugin.state import (
    CODE,
    VARIABLES,
    Cell,
    cells,
    cells_left,
    changed_cells,
    changed_fields,
    has_code,
    recorded,
)

if TYPE_CHECKING:
    from biot_provider.lifecycle.kind import Context

_VERSION_TOO_LOW = "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE"


class PluginUpdate:
    """The update of a plugin from ``before`` to ``wanted``.

    ``takes_over`` allows that the plugin belongs to somebody else: it belongs to this resource from then on. ``force``
    sends every field, also equal ones.
    """

    def __init__(
        self,
        context: Context,
        before: PluginState,
        wanted: PluginState,
        *,
        takes_over: bool = False,
        force: bool = False,
    ) -> None:
        self._client = context.client
        self._before = before
        self._wanted = wanted
        self._deadline = context.deadline
        self._stamps = context.settings.stamp
        self._takes_over = takes_over
        self._cells = changed_cells(before, wanted)
        self._sends_code = CODE in changed_fields(before, wanted)
        if force:
            self._cells |= cells(wanted).keys()
            self._sends_code = has_code(wanted)
        self._resend = force
        """Whether everything is sent again, regardless of what the platform shows."""
        self._possibly_deployed_versions: set[int] = set()
        self._sent_version: int | None = None
        self._stamp: Stamp | None = None

    def run(self) -> PluginState:
        """Carry out the update. Raises LifecycleError if somebody else owns the plugin, NotFoundError if it is gone."""
        not_done = f"Plugin {self._wanted.name!r} does not show the change"
        return settle(self._deadline, self._write, self._look, self._judge, not_done)

    def _look(self) -> PluginAnswer:
        return self._client.get_plugin(self._wanted.name, timeout=self._deadline.for_read())

    def _write(self) -> PluginState:
        # Read first: the plugin must still be ours, and the version above the current one, whoever deployed that.
        found = self._look()
        self._refuse_if_anothers(found)
        try:
            return self._send(found)
        except ApiError as error:
            if error.code != _VERSION_TOO_LOW:
                raise
            return self._send(self._look(), above=number(error.details.get("currentVersion")))

    def _refuse_if_anothers(self, found: PluginAnswer) -> None:
        """Stop before anything is written to a plugin that this stack did not deploy: the address may be wrong."""
        if self._takes_over:
            return
        stamp = Stamp.found(found)
        refused = f"update plugin {self._wanted.name!r}: nothing was changed, for"
        advice = "check that biot:baseUrl is this stack's platform; then set adopt=True to take it over"
        if stamp is not None and not stamp.belongs_to(self._before.owner, self._wanted.owner):
            raise LifecycleError(
                f"{refused} the plugin belongs to another stack or resource (owner {stamp.owner})",
                "BIOT-5013",
                advice=advice,
            )
        is_new = stamp is not None and stamp.owner == owner_hash(self._wanted.owner)
        if is_another(found, self._before) and not is_new:
            raise LifecycleError(
                f"{refused} it is not the plugin that this stack deployed: it carries no stamp of it and was created at"
                f" {found.creation_time}, not {self._before.creation_time}",
                "BIOT-5013",
                advice=f"{advice}, or choose another name",
            )

    def _send(self, found: PluginAnswer, *, above: int = 0) -> PluginState:
        """Send what is left; ``above`` is a version of code that the platform has, whatever it shows."""
        wanted = self._wanted
        cells, sends_code = self._left(found)
        self._stamp = self._new_stamp(found, sends_code=sends_code) if self._stamps else None
        there = Stamp.found(found)
        restamps = self._restamps(there, sends=bool(cells or sends_code))
        if not (cells or sends_code or restamps):
            self._stamp = there
            return self._recorded(found)
        fields = cells | ({(CODE,)} if sends_code else set()) | ({(VARIABLES,)} if restamps else set())
        last = max(found.deployed_version, above)
        self._sent_version = max(wanted.deployed_version, last + 1) if sends_code else None
        if sends_code:
            _refuse_after_last_version(wanted.name, last)
        body = self._body(fields, found)
        if self._stamp is not None and is_over_limit(body, found):
            # The former owner goes beyond the room that is kept for a stamp.
            self._stamp = replace(self._stamp, former_owner="")
            body = self._body(fields, found)
        with zipped(wanted) if sends_code else contextlib.nullcontext() as code:
            answer = self._client.update_plugin(wanted.name, body, code, timeout=self._deadline.for_write())
        if ("cron_schedule",) in cells:
            _refuse_kept_schedule(answer, wanted)
        return self._recorded(answer)

    def _body(self, fields: set[Cell], found: PluginAnswer) -> dict[str, Any]:
        return update_body(
            fields,
            before=self._before,
            wanted=self._wanted,
            found=found,
            version=self._sent_version,
            stamp=self._stamp,
        )

    def _left(self, found: PluginAnswer) -> tuple[set[Cell], bool]:
        """Return the remaining changes, and whether code is among them, given what the platform shows now."""
        if self._resend:
            return self._cells, self._sends_code
        cells = cells_left(self._cells, self._wanted, found, self._before)
        return cells, self._sends_code and not self._is_deployed(found)

    def _restamps(self, there: Stamp | None, *, sends: bool) -> bool:
        """Return whether to write the stamp: with any other change, or if the plugin lacks this resource's stamp."""
        if self._stamp is None:
            # With stamps turned off, remove a stamp of another resource or of this resource's former name.
            return there is not None and (self._takes_over or not there.is_of(self._wanted.owner))
        if self._stamp == there:
            return False
        return sends or self._takes_over or there is None or there.owner != self._stamp.owner

    def _new_stamp(self, found: PluginAnswer, *, sends_code: bool) -> Stamp:
        stamp, before, wanted = Stamp.found(found), self._before, self._wanted
        if sends_code or self._takes_over or (self._sends_code and self._is_deployed(found)):
            digest = code_identity(wanted)
        elif stamp is not None:
            digest = stamp.digest  # the stamp describes the deployed code better than this state
        else:
            digest = code_identity(before) if found.version == before.version else UNKNOWN_CODE
        owner = owner_hash(wanted.owner)
        renamed = owner_hash(before.owner) if before.owner and owner_hash(before.owner) != owner else ""
        return Stamp(owner, digest, renamed)

    def _judge(self, found: PluginAnswer, error: BiotError) -> PluginState | None:
        if rollback_failed(error):
            self._resend = True  # what it shows may differ from what runs
        elif unclear(error) and self._sent_version is not None:
            self._possibly_deployed_versions.add(self._sent_version)
        stamped = self._stamp is None or Stamp.found(found) == self._stamp
        return self._recorded(found) if stamped and not any(self._left(found)) else None

    def _is_deployed(self, found: PluginAnswer) -> bool:
        """Return whether the platform already runs the wanted code, from a write of ours that got no response."""
        stamp, code = Stamp.found(found) if self._stamps else None, code_identity(self._wanted)
        if found.deployed_version in self._possibly_deployed_versions:
            return not self._stamps or (stamp is not None and stamp.digest == code)
        if code_identity(self._before) == code and found.version == self._before.version:
            return True  # a refresh has found that code
        # A write of an earlier, killed run left its stamp, and the version that it must have sent.
        expected = max(self._wanted.deployed_version, self._before.deployed_version + 1)
        return (
            stamp is not None
            and stamp.digest == code
            and stamp.is_of(self._before.owner, self._wanted.owner)
            and found.deployed_version == expected
            and not is_foreign(self._before.code_digest)
        )

    def _recorded(self, answer: PluginAnswer) -> PluginState:
        deployed = (answer.deployed_version or self._sent_version) if self._sends_code else None
        return recorded(self._wanted, answer, before=self._before, deployed=deployed)


@contextlib.contextmanager
def zipped(wanted: PluginState) -> Iterator[IO[bytes] | None]:
    """Yield the zip of the code as a file, or None if no code is declared.

    Raises PackagingError when it is no longer the code that was declared.
    """
    if wanted.code is None:
        yield None
        return
    with deployed_package(wanted).zip() as file:
        yield file


def _refuse_after_last_version(name: str, version: int) -> None:
    if version >= MAX_VERSION:
        raise LifecycleError(
            f"update plugin {name!r}: nothing was changed, for the platform counts versions up to {MAX_VERSION}, and"
            f" this plugin has version {version}",
            "BIOT-5016",
            advice="replace the plugin (`pulumi up --replace <urn>`), whose versions begin at 1 again; one that runs an"
            " image needs another name",
        )


def _refuse_kept_schedule(answer: PluginAnswer, wanted: PluginState) -> None:
    if wanted.cron_schedule is None and answer.cron_schedule is not None:
        raise LifecycleError(
            f"update plugin {wanted.name!r}: the platform keeps the schedule {answer.cron_schedule!r}"
            " although it was to clear it",
            "BIOT-5015",
            advice="give enabled_state='DISABLED', or replace the plugin (`pulumi up --replace <urn>`)",
        )
