"""The lifecycle of ``biot.Plugin``: check, diff, create, read, update, delete.

Each operation parses in its first line and dumps in its last; what it writes is ``plugin_writes``' matter.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pydantic import ValidationError

from biot_provider.errors import LifecycleError, NotFoundError
from biot_provider.lifecycle.validation import Problem
from biot_provider.plugin.aws_lambda import runtime_warning
from biot_provider.plugin.check import (
    add_code,
    argument_problems,
    check_version,
    report_runs,
    report_variables,
    schedule_over_problems,
    with_defaults,
)
from biot_provider.plugin.model import PluginInputs, PluginState
from biot_provider.plugin.stamp import SEED, Stamp, is_another, is_same_plugin
from biot_provider.plugin.state import (
    CODE,
    VARIABLES,
    changed_fields,
    has_code,
    must_create_before_delete,
    observed,
    observed_code,
    replacing_fields,
)
from biot_provider.plugin.writes import PluginWrites
from biot_provider.provider.host import refuse_unseen_ignore, report_changes
from biot_provider.provider.lifecycle import LifecycleProvider, dump, failures, holds_unknown, load, operation, report
from biot_provider.provider.properties import resource_name

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.api.models.plugins import PluginAnswer

_INPUTS = frozenset(PluginInputs.model_fields)


class _Run:
    """What this run declares; used by all threads.

    The engine deletes what is no longer wanted at the end of a run, in the process that has seen all that is: also what
    an earlier run has left to be deleted.
    """

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str], str] = {}
        self._kept: set[tuple[str, str | None]] = set()
        self._lock = threading.Lock()

    def declare(self, name: str, owner: str) -> str | None:
        """Note that a resource declares the plugin of this name; gives the other resource of its stack that does."""
        stack = "/".join(owner.split("/")[:2])
        with self._lock:
            other = self._owners.setdefault((stack, name), owner)
            return None if other == owner else other

    def keep(self, state: PluginState) -> None:
        """Note that a resource has the plugin, if it is one that may be in state twice: there, and to be deleted.

        Of an image plugin that is replaced the old one goes last, and may get another run's refresh before.
        """
        if state.kept is True or state.image_tag is not None:
            with self._lock:
                self._kept.add((state.name, state.creation_time))

    def is_kept(self, state: PluginState) -> bool:
        """Whether another resource, or the replacement of this one, has the plugin."""
        with self._lock:
            return (state.name, state.creation_time) in self._kept


class PluginProvider(LifecycleProvider):
    """Pulumi's provider of ``biot.Plugin``. State refers to it by this module and name: they must not change."""

    @property
    def _run(self) -> _Run:
        # State holds an instance without attributes, so none is made by ``__init__``; ``setdefault`` is atomic.
        run: _Run = self.__dict__.setdefault("_run", _Run())
        return run

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input, fill in defaults and the digests of the code; local files only, no request."""
        given = {key: value for key, value in news.items() if key != "__provider" and value is not None}
        problems = self.connection.problems() + schedule_over_problems(given, _olds)
        problems += argument_problems(given, _olds)
        problems += self._declared_twice(given)
        values = with_defaults(given)
        readable = isinstance(values.get("code"), str) and not any(problem.path == "code" for problem in problems)
        if "code_digest" in given:  # no program gives it: the engine put it back, since its changes are ignored
            values["code_files"] = _olds.get("code_files")
        elif readable and "image_tag" not in given:
            problems += add_code(values, _olds)
        if problems:
            return CheckResult(news, failures(problems))
        if warning := runtime_warning(given.get("runtime"), datetime.now(UTC).date()):
            report(f"warning: plugin {values.get('name')!r}: {warning}")
        report_runs(given, _olds)
        return CheckResult(_normalised(values), [])

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say what the platform would change, and nothing else; a request is made only when the address has changed.

        Raises InputError for a version the platform would refuse, LifecycleError when it is another platform.
        """
        state = _state(_olds)
        self._refuse_another_platform(f"compare plugin {state.name!r}", state)
        waiting = {key for key, value in _news.items() if holds_unknown(value)}
        wanted = PluginState.model_validate({"name": state.name} | load(_news))
        if waiting:
            wanted = wanted.model_copy(update={key: getattr(state, key) for key in waiting & _INPUTS})
            if waiting & {"code", "image_tag"}:
                wanted = wanted.model_copy(update={"code_digest": state.code_digest, "code_files": state.code_files})
        refuse_unseen_ignore(f"plugin {state.name!r}", ("code", "image_tag"), "code_digest")
        changed = changed_fields(state, wanted)
        replaces = replacing_fields(state, wanted) + _may_replace(state, waiting)
        if replaces:
            report(
                f"warning: plugin {state.name!r} is made anew ({', '.join(replaces)} cannot change in place):"
                " its endpoint_url and its service user on the platform change"
            )
        elif not waiting:
            check_version(state, wanted, changed)
        if VARIABLES in changed:
            report_variables(state, wanted)
        adopts = wanted.adopt is True and state.adopt is not True
        changes, first = bool(changed or replaces or waiting or adopts), not must_create_before_delete(state, wanted)
        if not changes:
            self._run.keep(state)
        code = ("code" if wanted.image_tag is None else "image_tag", "code_files", "version") if CODE in changed else ()
        report_changes(_olds, _news, {*changed, *replaces, *waiting, *code, *(("adopt",) if adopts else ())})
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=bool(replaces) and first)

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the plugin, or continue with the one that this resource has on the platform already."""
        wanted = _state(props)
        state = self._writes(wanted).create(wanted)
        if state.kept is True:
            self._run.keep(state)
        return CreateResult(wanted.name, self._state_properties(state))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the plugin: state and inputs, so that drift shows and the next update heals it.

        Raises LifecycleError when the address is another platform's, where its absence says nothing.
        """
        known = _state({"name": id_} | props)
        self._refuse_another_platform(f"read plugin {id_!r}", known)
        is_get = not {"creation_time", "__platform"} & props.keys()  # it has no state, so nothing to compare with
        try:
            answer = self._client(known).get_plugin(id_)
        except NotFoundError:
            if is_get:
                raise  # of a .get that finds nothing, the engine would make a resource without outputs
            return ReadResult("", {})
        state = observed(answer, known)
        if not is_get:
            if is_another(answer, known):
                report(
                    f"warning: plugin {id_!r} of this stack no longer exists: the one of that name was created at"
                    f" {answer.creation_time}, not at {known.creation_time}, and is left alone"
                )
                return ReadResult("", {})
            state = self._read_code(state, answer, known)
        inputs = state.model_copy(update={"version": state.declared_version})  # a managed version is nobody's input
        return ReadResult(id_, self._state_properties(state), _input_properties(inputs))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Send what changed, and code only when it changed."""
        state, wanted = _state(_olds), _state(_news)
        self._refuse_another_platform(f"update plugin {state.name!r}", state)
        updated = self._writes(wanted).update(state, wanted)
        self._run.keep(updated)
        return UpdateResult(self._state_properties(updated))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the plugin; one that is gone already, or another's by now, is left alone."""
        state = _state({"name": _id} | _props)
        self._refuse_another_platform(f"delete plugin {_id!r}", state)
        if self._run.is_kept(state):
            report(f"plugin {_id!r}: is kept, not made anew: its replacement has taken it over")
            return
        self._writes(state).delete(state)

    def _read_code(self, state: PluginState, answer: PluginAnswer, known: PluginState) -> PluginState:
        """The state with its code and its stamp as they are on the platform."""
        stamp = Stamp.found(answer)
        if stamp is not None and not stamp.belongs_to(known.owner):
            report(
                f"warning: plugin {state.name!r} belongs to another stack or resource by now (owner {stamp.owner}):"
                " this stack leaves it alone. What to do: take it out of the program, or set adopt=True to take it over"
            )
            # The adoption that is declared is due again.
            return observed_code(state, answer, None, known).model_copy(update={"adopt": False})
        if not has_code(known) and answer.version != known.version and (stamp is None or stamp.digest == SEED):
            report(
                f"plugin {state.name!r}: version {answer.version} of its code was deployed elsewhere; it stays, since"
                " no code is declared"
            )
        return observed_code(state, answer, stamp if self.connection.settings.stamp else None, known)

    def _declared_twice(self, given: Mapping[str, Any]) -> list[Problem]:
        name, owner = given.get("name"), given.get("__owner")
        if not isinstance(name, str) or not isinstance(owner, str):
            return []
        other = self._run.declare(name, owner)
        if other is None:
            return []
        shown = resource_name(other)
        if shown == resource_name(owner):  # below another parent: by the types that tell the two apart
            shown = other.split("/", 2)[-1]
        return [Problem("name", f"{name!r} is the plugin of resource {shown!r} too: leave one out")]

    def _client(self, plugin: PluginState) -> Client:
        return self.connection.client(plugin.owner)

    def _refuse_another_platform(self, action: str, state: PluginState) -> None:
        """Stop when the plugin was deployed to another platform than the one configured.

        An address that has this very plugin is the same platform under a new name; the next write or refresh records
        it. A state without an address is an older one, and is trusted.
        """
        configured = self.connection.settings.base_url
        if state.platform in (None, configured):
            return
        try:
            found = is_same_plugin(self._client(state).get_plugin(state.name), state)
        except NotFoundError:
            found = False
        if not found:
            raise LifecycleError(
                f"{action}: this stack deployed it to {state.platform}, and {configured}, which is configured now,"
                f" has no plugin {state.name!r} of this stack. What to do: correct the address"
                f" (`pulumi config set biot:baseUrl {state.platform}`, or base_url of its biot.Provider);"
                " or, to leave it there and start anew here, `pulumi state delete` it"
            )

    def _state_properties(self, state: PluginState) -> dict[str, Any]:
        here = state.model_copy(update={"platform": self.connection.settings.base_url})
        return dump(_without_none(here.model_dump(mode="json")), secret=VARIABLES)

    def _writes(self, plugin: PluginState) -> PluginWrites:
        settings = self.connection.settings
        client = self._client(plugin)
        return PluginWrites(client, stamps=settings.stamp, seconds=settings.request_timeout, report=report)


def _may_replace(state: PluginState, waiting: set[str]) -> list[str]:
    """The fields that are not known yet and whose change needs a new plugin."""
    fields = ["name"] if "name" in waiting else []
    return fields + (["image_tag"] if "image_tag" in waiting and state.deployment_package_type != "IMAGE" else [])


def _state(properties: Mapping[str, Any]) -> PluginState:
    """State, or inputs that were checked: whatever they hold is held."""
    return PluginState.model_validate(load(properties))


def _normalised(values: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as they are kept: known ones in the model's types and order, the others as they came."""
    unknown = {key: value for key, value in values.items() if holds_unknown(value)}
    known = {"name": "unknown"} | load(values)
    try:
        strict = PluginInputs.model_validate(known)
    except ValidationError as error:  # what the platform shows, put back by ``ignore_changes``
        shown = {str(found["loc"][0]) for found in error.errors()}
        strict = PluginInputs.model_validate({key: value for key, value in known.items() if key not in shown})
    else:
        shown = set()
    kept = {key: known[key] for key in shown}
    properties = _input_properties(PluginState.model_validate(strict.model_dump() | kept)) | unknown
    return properties if "name" in values else {key: value for key, value in properties.items() if key != "name"}


def _input_properties(plugin: PluginState) -> dict[str, Any]:
    return dump(_without_none(plugin.model_dump(mode="json", include=set(_INPUTS))), secret=VARIABLES)


def _without_none(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _without_none(value) for key, value in values.items() if value is not None}
    if isinstance(values, list):
        return [_without_none(value) for value in values]
    return values
