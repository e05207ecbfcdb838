"""Create, update and delete a plugin: the result is the declared plugin, or an error that says what is known.

Nothing here knows Pulumi. Each operation makes one write; it is repeated only after a read has shown the outcome of the
previous write, so that there is never a second plugin. All decisions depend on the platform (stamp, creation time,
version) or on state: nothing is remembered from one operation to the next.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.errors import BiotError, ConflictError, LifecycleError, NotFoundError
from biot_provider.lifecycle.kind import Found, HalfMadeError
from biot_provider.lifecycle.settle import rollback_failed, settle, unclear
from biot_provider.plugin.body import create_body
from biot_provider.plugin.model import PluginState
from biot_provider.plugin.reads import listed
from biot_provider.plugin.stamp import SEED, Stamp, code_identity, holder, is_another, owner_hash, why_kept
from biot_provider.plugin.state import (
    changed_fields,
    found_before_create,
    has_code,
    is_other_type,
    observed,
    observed_code,
    recorded,
)
from biot_provider.plugin.update import PluginUpdate, zipped

if TYPE_CHECKING:
    from biot_provider.lifecycle.kind import Context


class PluginWrites:
    """The writes of one operation on a plugin."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._stamps = context.settings.stamp
        self._warn = context.warn
        self._deadline = context.deadline

    def create(self, wanted: PluginState, *, may_remake: bool = True) -> PluginState:
        """Create the plugin, or adopt one that this resource already has on the platform.

        ``may_remake`` allows to delete an existing plugin first that cannot become this one. Raises LifecycleError if
        the name belongs to somebody else, and HalfMadeError if an existing plugin could not be updated as declared.
        """
        deadline = self._deadline
        unclear_errors: list[BiotError] = []

        def write() -> tuple[PluginAnswer, bool]:
            try:
                with zipped(wanted) as code:
                    body = create_body(wanted, self._stamp(wanted))
                    return self._client.create_plugin(body, code, timeout=deadline.for_write()), True
            except ConflictError as error:
                found = self._find(wanted.name)
                if found is None:
                    raise LifecycleError(
                        f"{error.summary}, but reading it says that it does not exist",
                        "BIOT-5017",
                        advice="run `pulumi up` again in a minute",
                    ) from None
                return found, False

        def judge(found: PluginAnswer | None, error: BiotError) -> tuple[PluginAnswer, bool] | None:
            if unclear(error):
                unclear_errors.append(error)
            return None if found is None else (found, False)

        # A plugin without a stamp comes from this very create only if its name was free before.
        existing = None if self._stamps else self._find(wanted.name)
        if existing is not None:
            return self._continue_with(wanted, existing, [], may_remake=may_remake)
        not_done = f"Plugin {wanted.name!r} was not found there afterwards"
        answer, made = settle(deadline, write, lambda: self._find(wanted.name), judge, not_done)
        if made:
            deployed = answer.deployed_version or wanted.deployed_version or 1
            return recorded(wanted, answer, before=None, deployed=deployed)
        with deadline.last_look():
            return self._continue_with(wanted, answer, unclear_errors, may_remake=may_remake)

    def update(self, before: PluginState, wanted: PluginState) -> PluginState:
        """Send the differences, and code only if it changed; a plugin that is gone is created again.

        Raises LifecycleError when the plugin is another's.
        """
        try:
            if wanted.adopt is True and before.adopt is not True:
                found = self._client.get_plugin(wanted.name, timeout=self._deadline.for_read())
                stamp = Stamp.found(found)
                if is_another(found, before) or (
                    stamp is not None and not stamp.belongs_to(before.owner, wanted.owner)
                ):
                    return self._adopt(wanted, found)
            return PluginUpdate(self._context, before, wanted).run()
        except NotFoundError:
            self._warn(
                f"plugin {wanted.name!r} no longer exists: it is created anew, with another endpoint_url"
                " and another service user on the platform",
                "BIOT-5101",
            )
            return self.create(wanted)

    def delete(self, state: PluginState) -> None:
        """Delete the plugin of this state, unless it is gone already or is a different plugin by now."""
        deadline = self._deadline

        def look() -> PluginAnswer | None:
            # A DELETE whose 404 counts follows unless two reads say that there is no such plugin.
            found = self._find(state.name) or listed(self._context, state.name)
            kept = None if found is None else why_kept(found, state)
            if kept is not None:
                self._warn(f"plugin {state.name!r} is left alone: {kept}", "BIOT-5102")
                return None
            return found

        def write() -> bool:
            if look() is not None:
                with contextlib.suppress(NotFoundError):
                    self._client.delete_plugin(state.name, timeout=deadline.for_write())
            return True

        still = f"Plugin {state.name!r} is still there"
        settle(deadline, write, look, lambda found, _error: None if found else True, still)

    def _continue_with(
        self, wanted: PluginState, found: PluginAnswer, unclear_errors: list[BiotError], *, may_remake: bool
    ) -> PluginState:
        """Adopt an existing plugin: this resource's own, or with ``adopt`` anybody's.

        ``unclear_errors`` are the failures of this very create, after which the plugin may have been created.
        """
        stamp = Stamp.found(found)
        stamped = stamp is not None and stamp.is_of(wanted.owner)
        # Without stamps, a plugin that was created meanwhile and is as declared is ours; its code is sent once more.
        fits = stamp is None and not self._stamps and bool(unclear_errors) and self._is_as_declared(found, wanted)
        if not stamped and not fits:
            if wanted.adopt is not True:
                raise _name_is_taken(wanted, found, stamp)
            return self._adopt(wanted, found)
        if stamp is not None and self._must_be_made_anew(wanted, found, stamp):
            if not may_remake:
                raise LifecycleError(
                    f"create plugin {wanted.name!r}: the platform still has the one that was deleted for it",
                    "BIOT-5012",
                    advice="run `pulumi up` again",
                )
            self._warn(
                f"plugin {wanted.name!r}: the one that this resource has on the platform already, since"
                f" {found.creation_time}, cannot become this one: it is made anew",
                "BIOT-5103",
            )
            self.delete(observed(found, wanted))
            return self.create(wanted, may_remake=False).model_copy(update={"kept": True})
        before = found_before_create(found, wanted)
        if stamp is not None:
            deployed = wanted.deployed_version or 1  # another version shows that others have deployed since
            before = observed_code(before, found, stamp, wanted.model_copy(update={"version": deployed}))
        if not unclear_errors:
            changed = ", ".join(sorted(changed_fields(before, wanted))) or "nothing differs"
            self._warn(
                f"plugin {wanted.name!r} existed already, since {found.creation_time}, with the stamp of"
                f" this very resource: it is updated, not created ({changed})",
                "BIOT-5104",
            )
        force = fits or any(rollback_failed(error) for error in unclear_errors)
        # The plugin may still be in state, to be deleted in this or another run, since this create replaces it.
        before = before.model_copy(update={"version": found.version, "kept": True})
        try:
            return self._update(before, wanted, force=force)
        except BiotError as error:
            raise HalfMadeError(error, Found(wanted.name, before)) from error

    def _adopt(self, wanted: PluginState, found: PluginAnswer) -> PluginState:
        """Take over a plugin that others have created: from then on it is as declared, and belongs to this resource."""
        if is_other_type(found.deployment_package_type, wanted):
            raise LifecycleError(
                f"create plugin {wanted.name!r}: the existing plugin is of package type"
                f" {found.deployment_package_type}, which cannot change",
                "BIOT-5011",
                advice="delete it, or choose another name",
            )
        stamp = Stamp.found(found)
        owner = f" of owner {stamp.owner}" if stamp else ""
        self._warn(
            f"plugin {wanted.name!r}: takes over the existing plugin{owner} (adopt is set); it was created"
            f" at {found.creation_time}",
            "BIOT-5105",
        )
        before = found_before_create(found, wanted).model_copy(update={"kept": True})
        if has_code(wanted):
            before = before.model_copy(update={"code_digest": "deployed elsewhere", "code_files": None})
        return self._update(before, wanted, takes_over=True)

    def _update(
        self, before: PluginState, wanted: PluginState, *, takes_over: bool = False, force: bool = False
    ) -> PluginState:
        return PluginUpdate(self._context, before, wanted, takes_over=takes_over, force=force).run()

    def _must_be_made_anew(self, wanted: PluginState, found: PluginAnswer, stamp: Stamp) -> bool:
        other_type = is_other_type(found.deployment_package_type, wanted)
        return other_type or (stamp.digest != SEED and not has_code(wanted))

    def _is_as_declared(self, found: PluginAnswer, wanted: PluginState) -> bool:
        shown = observed(found, wanted)
        return found.deployed_version == (wanted.deployed_version or 1) and not changed_fields(shown, wanted)

    def _stamp(self, wanted: PluginState) -> Stamp | None:
        return Stamp(owner_hash(wanted.owner), code_identity(wanted)) if self._stamps else None

    def _find(self, name: str) -> PluginAnswer | None:
        try:
            return self._client.get_plugin(name, timeout=self._deadline.for_read())
        except NotFoundError:
            return None


def _name_is_taken(wanted: PluginState, found: PluginAnswer, stamp: Stamp | None) -> LifecycleError:
    aliases = "; or, where it is this resource under its former name or parent, declare that in its aliases"
    return LifecycleError(
        f"create plugin {wanted.name!r}: a plugin of that name exists already and {holder(stamp)}; it was created at"
        f" {found.creation_time}",
        "BIOT-5010",
        advice=f"choose another name, or set adopt=True to take it over{aliases if stamp else ''}",
    )
