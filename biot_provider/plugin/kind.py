"""``biot.Plugin``: check, diff, create, read, update, delete. ``writes`` makes the requests that change a plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from biot_provider.api.models.wide import number
from biot_provider.api.request_log import is_debugging
from biot_provider.errors import InputError, NotFoundError, Notice
from biot_provider.lifecycle.codec import holds_unknown, is_unknown
from biot_provider.lifecycle.declarations import Declarations
from biot_provider.lifecycle.fields import Mark, marked
from biot_provider.lifecycle.kind import Context, Diff, Found, Given, InvalidInputsError
from biot_provider.lifecycle.owner import path_in_stack, resource_name, stack_of
from biot_provider.lifecycle.problems import Problem
from biot_provider.lifecycle.run_notes import RunNotes
from biot_provider.plugin.aws_lambda import runtime_warning
from biot_provider.plugin.check import (
    argument_problems,
    code_digests,
    next_runs_of,
    schedule_problems,
    with_defaults,
)
from biot_provider.plugin.kept_plugins import KeptPlugins
from biot_provider.plugin.model import PluginInputs, PluginState
from biot_provider.plugin.reads import PluginReads
from biot_provider.plugin.stamp import is_foreign, is_same_plugin
from biot_provider.plugin.state import (
    CODE,
    VARIABLES,
    changed_fields,
    must_create_before_delete,
    replacing_fields,
)
from biot_provider.recipe.versions import changed_versions

if TYPE_CHECKING:
    from biot_provider.plugin.subscription_notices.notices import NewSubscriptions
    from biot_provider.plugin.writes import PluginWrites

_MOST_VERSIONS = 10
"""Maximum changes of dependencies that one line names."""

_CONTENT = marked(PluginInputs, Mark.CONTENT)


class PluginKind:
    """Plugins hosted by the platform. The id is the bare name."""

    inputs = PluginInputs
    state = PluginState

    def __init__(self) -> None:
        self._declared: Declarations[tuple[tuple[str, str], str]] = Declarations()
        """The stack and the name of each plugin that this run declares."""
        self._given_up: dict[tuple[tuple[str, str], str], str] = {}
        """The owner whose plugin gets another name in this run, by the stack and the former name."""
        self._kept = KeptPlugins(RunNotes.of_this_run("plugin"))
        self._reads = PluginReads()

    def name(self, id_: str, state: PluginState) -> str:
        """Return the plugin's name in messages."""
        return f"plugin {(state.name or id_)!r}"

    def check(self, given: Given, old: Given, context: Context) -> Given:
        """Fill in defaults and the digests of the code. Raises InvalidInputsError.

        Only local files affect the result. The platform is read to refuse another name that is taken, and to warn of
        new subscriptions (``LiveHooks``).
        """
        given = {key: value for key, value in given.items() if value is not None}
        problems = schedule_problems(given, old) + argument_problems(given, old)
        problems += self._declared_twice(given.get("name"), context.owner)
        values = with_defaults(given)
        is_wrong = any(problem.path.partition(".")[0] in ("code", "build", "runtime") for problem in problems)
        readable = isinstance(values.get("code"), str) and not is_wrong and not _is_build_unknown(values)
        if "code_digest" in given:  # programs never give it, so the engine restored it, since changes of it are ignored
            values["code_files"] = old.get("code_files")
        elif readable and "image_tag" not in given:
            name = f"plugin {values.get('name')!r}"
            digests, found = code_digests(values, old, lambda notice: context.show(notice.about(name)))
            values |= digests
            problems += found
        if not problems:
            problems = self._taken_name(given, old, context)
        if problems:
            raise InvalidInputsError(problems)
        if warning := runtime_warning(given.get("runtime"), datetime.now(UTC).date()):
            context.warn(f"plugin {values.get('name')!r}: {warning}", "BIOT-5109")
        if runs := next_runs_of(given, old):
            context.show(runs.about(f"plugin {values.get('name')!r}"))
        self._report_subscriptions(given, old, context)
        return values

    def diff(self, old: PluginState, new: PluginState, unknown: frozenset[str]) -> Diff:
        """Compare state and inputs. Raises InputError for a version that the platform would refuse."""
        new = _image_alone(new)
        if not unknown.isdisjoint(_CONTENT) or (new.build is not None and "runtime" in unknown):
            new = new.model_copy(update={"code_digest": old.code_digest, "code_files": old.code_files})
        changed = changed_fields(old, new)
        replaces = replacing_fields(old, new) + _may_replace(old, unknown)
        if not (replaces or unknown):
            _check_version(old, new, changed)
        adopted = {"adopt"} if new.adopt is True and old.adopt is not True else set()
        passes_on = _passes_to_another_stack(old, new)
        if not (changed or replaces or unknown or adopted):
            self._keep(old)
        code = {"code" if new.image_tag is None else "image_tag", "code_files", "version"} if CODE in changed else set()
        if code and old.build != new.build:
            code.add("build")
        return Diff(
            changed=changed | code | adopted,
            replaces=replaces,
            delete_before_replace=bool(replaces) and not must_create_before_delete(old, new),
            is_due=passes_on,
            notices=[*_diff_notices(old, new, changed, replaces, passes_on=passes_on)],
        )

    def create(self, new: PluginState, context: Context) -> Found[PluginState]:
        """Create the plugin, or adopt the one that this resource already has on the platform."""
        with self._reads.written(new.name, context):
            state = _writes(context).create(new)
        if state.kept is True:
            self._keep(state)
        return Found(new.name, state)

    def read(self, id_: str, known: PluginState, context: Context) -> Found[PluginState] | None:
        """Read the plugin; a different plugin of that name counts as gone."""
        return self._reads.read(id_, known, context)

    def declared(self, state: PluginState) -> PluginState:
        """Return the state with the version that the program gave: a managed version is not an input."""
        return state.model_copy(update={"version": state.declared_version})

    def update(self, _id: str, old: PluginState, new: PluginState, context: Context) -> PluginState:
        """Send the changes, and code only if it changed."""
        with self._reads.written(new.name, context):
            updated = _writes(context).update(old, _image_alone(new))
        self._keep(updated)
        return updated

    def delete(self, id_: str, old: PluginState, context: Context) -> None:
        """Delete the plugin, unless it is gone or belongs to somebody else by now."""
        old = old.model_copy(update={"name": old.name or id_})
        if old in self._kept:
            context.report(f"plugin {id_!r}: is kept, not made anew: its replacement has taken it over")
            return
        with self._reads.written(old.name, context):
            _writes(context).delete(old)

    def is_there(self, id_: str, old: PluginState, context: Context) -> bool:
        """Return whether the platform has the plugin with this resource's stamp or creation time."""
        try:
            return is_same_plugin(context.client.get_plugin(old.name or id_), old)
        except NotFoundError:
            return False

    def _keep(self, state: PluginState) -> None:
        """Note that a resource has the plugin, if the plugin may be in state twice: there, and as one to be deleted.

        When an image plugin is replaced, the old one is deleted last, and another run may refresh it before.
        """
        if state.kept is True or state.image_tag is not None:
            self._kept.add(state)

    @cached_property
    def _new_subscriptions(self) -> NewSubscriptions:
        # Not imported when a process starts.
        from biot_provider.plugin.subscription_notices.notices import NewSubscriptions

        return NewSubscriptions()

    def _report_subscriptions(self, given: Given, old: Given, context: Context) -> None:
        """Report missing APIs and other subscribers for new subscriptions. Nothing here stops a preview."""
        if context.connection.problems() or not (given.get("subscriptions") or old.get("subscriptions")):
            return
        try:
            from biot_provider.plugin.subscription_notices.live import LiveHooks

            for notice in self._new_subscriptions.notices(given, old, LiveHooks.of(context.connection, context.owner)):
                context.show(notice)
        except Exception:
            if is_debugging(os.environ):
                raise

    def _taken_name(self, given: Given, old: Given, context: Context) -> list[Problem]:
        """Return the problem with another name that others have: the plugin would be deleted first."""
        name = given.get("name")
        is_renamed = isinstance(name, str) and isinstance(old.get("name"), str) and name != old["name"]
        if not is_renamed or given.get("adopt") not in (None, False) or context.connection.problems():
            return []
        stack = stack_of(context.owner)
        other = self._reads.holder_of(str(name), self._given_up.get((stack, str(name))), context)
        if other is None:
            self._given_up[stack, old["name"]] = context.owner or ""
            return []
        text = (
            f"a plugin of that name exists already and {other}: choose another name, or set adopt=True to take it over"
        )
        return [Problem("name", text, "BIOT-5010")]

    def _declared_twice(self, name: object, owner: str | None) -> list[Problem]:
        if not isinstance(name, str) or owner is None:
            return []
        other = self._declared.declare(owner, (stack_of(owner), name))
        if other is None:
            return []
        shown = resource_name(other)
        if shown == resource_name(owner):  # below another parent: the types of parents distinguish the two
            shown = path_in_stack(other)
        return [Problem("name", f"{name!r} is the plugin of resource {shown!r} too: leave one out", "BIOT-2142")]


def _writes(context: Context) -> PluginWrites:
    from biot_provider.plugin.writes import PluginWrites  # not imported when a preview starts

    return PluginWrites(context)


def _is_build_unknown(values: Given) -> bool:
    """Return whether the sources or settings of a build are not known yet."""
    build = values.get("build")
    return build is not None and (holds_unknown(build) or is_unknown(values.get("runtime")))


def _image_alone(new: PluginState) -> PluginState:
    """Return the plugin; one of an image without the defaults that belong to code, since changes may be ignored."""
    return new if new.image_tag is None else new.model_copy(update={"runtime": None, "handler": None})


def _may_replace(state: PluginState, unknown: frozenset[str]) -> list[str]:
    """Return the unknown fields that may need a new plugin."""
    fields = ["name"] if "name" in unknown else []
    return fields + (["image_tag"] if "image_tag" in unknown and state.deployment_package_type != "IMAGE" else [])


def _passes_to_another_stack(old: PluginState, new: PluginState) -> bool:
    """Return whether the resource was in another stack or project, and the plugin still carries that one's stamp.

    This happens after `pulumi stack rename` or `pulumi state move`, and with a project's alias. Another stack that gets
    the former name would take the plugin for its own, and could delete it.
    """
    return bool(old.owner and new.owner) and stack_of(old.owner) != stack_of(new.owner)


def _check_version(old: PluginState, new: PluginState, changed: set[str]) -> None:
    """Check a version that the program gave by the platform's two rules (BioT API 2.4.2). Raises InputError."""
    if new.version is None:
        return
    last = number(old.declared_version) or old.deployed_version
    if CODE in changed:
        if number(new.version) <= last and not is_foreign(old.code_digest):
            raise InputError(
                f"version: plugin {new.name!r} has new code, so its version must be above {last},"
                f" not {new.version}; or leave version out to have it managed",
                "BIOT-2143",
            )
    elif new.version not in (last, old.version):
        raise InputError(
            f"version: plugin {new.name!r} has no new code, so its version must stay {last},"
            f" not {new.version}; or leave version out to have it managed",
            "BIOT-2143",
        )


def _diff_notices(
    old: PluginState, new: PluginState, changed: set[str], replaces: list[str], *, passes_on: bool
) -> Iterator[Notice]:
    if replaces:
        yield Notice(
            f"plugin {old.name!r} is made anew ({', '.join(replaces)} cannot change in place):"
            " its endpoint_url and its service user on the platform change",
            "BIOT-5108",
        )
    if passes_on:
        former, now = ("/".join(stack_of(owner)) for owner in (old.owner, new.owner))
        yield Notice(f"plugin {new.name!r}: its stamp passes from stack {former} to {now}")
    if versions := changed_versions(old.code_files or {}, new.code_files or {}):
        more = f", and {len(versions) - _MOST_VERSIONS} more" if len(versions) > _MOST_VERSIONS else ""
        yield Notice(f"plugin {new.name!r}: dependencies: {', '.join(versions[:_MOST_VERSIONS])}{more}")
    if VARIABLES in changed:  # the engine shows every secret value alike, changed or not
        before, after = old.environment_variables or {}, new.environment_variables or {}
        names = sorted(key for key in before.keys() & after.keys() if before[key] != after[key])
        if names:
            yield Notice(f"plugin {new.name!r}: the value of {', '.join(names)} changes (environment_variables)")
