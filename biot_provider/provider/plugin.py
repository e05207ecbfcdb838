"""The lifecycle of ``biot.Plugin``: check, diff, create, read, update, delete.

Each operation parses in its first line and dumps in its last; what it writes is ``plugin_writes``' matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from biot_provider.aws_lambda import runtime_warning
from biot_provider.errors import InputError, LifecycleError, NotFoundError, PackagingError
from biot_provider.handlers import handler_problem
from biot_provider.models import DEFAULT_HANDLER, DEFAULT_RUNTIME, UNDECLARED, PluginInputs, PluginState
from biot_provider.packaging import read_package, zipped_size_problem
from biot_provider.provider.lifecycle import (
    LifecycleProvider,
    dump,
    failures,
    holds_unknown,
    is_unknown,
    load,
    operation,
    report,
)
from biot_provider.provider.plugin_state import (
    CODE,
    VARIABLES,
    Stamp,
    changed_fields,
    is_foreign,
    is_same_plugin,
    keeps_its_image_under_a_new_name,
    observed,
    observed_code,
    replacing_fields,
)
from biot_provider.provider.plugin_writes import PluginWrites
from biot_provider.rules import Problem, plugin_problems
from biot_provider.schedule import in_words, next_runs, schedule_problem
from biot_provider.validation import shown

if TYPE_CHECKING:
    from biot_provider.client import Client


class PluginProvider(LifecycleProvider):
    """Pulumi's provider of ``biot.Plugin``. State refers to it by this module and name: they must not change."""

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input, fill in defaults and the digests of the code; local files only, no request."""
        given = {key: value for key, value in news.items() if key != "__provider" and value is not None}
        problems = self.connection.problems() + _schedule_over(given, _olds)
        declared = {key: v for key, v in given.items() if key not in UNDECLARED and not key.startswith("__")}
        problems += plugin_problems(declared, is_unknown)
        values = _with_defaults(given)
        readable = isinstance(values.get("code"), str) and not any(problem.path == "code" for problem in problems)
        if readable and "image_tag" not in given:
            problems += _add_code(values, _olds)
        if problems:
            return CheckResult(news, failures(problems))
        if warning := runtime_warning(given.get("runtime"), datetime.now(UTC).date()):
            report(f"warning: plugin {values.get('name')!r}: {warning}")
        _report_runs(given, _olds)
        return CheckResult(_normalised(values), [])

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say what the platform would change, and nothing else; a request is made only when the address has changed.

        Raises InputError for a version the platform would refuse, LifecycleError when it is another platform.
        """
        state = PluginState.model_construct(**_parsed(_olds))
        self._refuse_another_platform(f"compare plugin {state.name!r}", state)
        waiting = [key for key, value in _news.items() if holds_unknown(value)]
        inputs = PluginInputs.model_construct(**({"name": state.name} | _parsed(_news)))
        if waiting:
            inputs = inputs.model_copy(update={key: getattr(state, key) for key in waiting if hasattr(state, key)})
            if "code" in waiting or "image_tag" in waiting:
                inputs = inputs.model_copy(update={"code_digest": state.code_digest, "code_files": state.code_files})
        changed = changed_fields(state, inputs)
        replaces = replacing_fields(state, inputs)
        if replaces:
            report(
                f"warning: plugin {state.name!r} is made anew ({', '.join(replaces)} cannot change in place):"
                " its endpoint_url and its service user on the platform change"
            )
        elif not waiting:
            _check_version(state, inputs, changed)
        if VARIABLES in changed:
            _report_variables(state, inputs)
        changes, first = bool(changed or replaces or waiting), not keeps_its_image_under_a_new_name(state, inputs)
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=bool(replaces) and first)

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the plugin, or go on with one that an interrupted create of ours has left."""
        inputs = PluginInputs.model_construct(**_parsed(props))
        state = self._writes(inputs).create(inputs)
        return CreateResult(inputs.name, self._state_properties(state))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the plugin: state and inputs, so that drift shows and the next update heals it.

        Raises LifecycleError when the address is another platform's, where its absence says nothing.
        """
        known = PluginState.model_construct(**({"name": id_} | _parsed(props)))
        self._refuse_another_platform(f"read plugin {id_!r}", known)
        try:
            answer = self._client(known).get_plugin(id_)
        except NotFoundError:
            if "creation_time" not in props:
                raise  # of a .get that finds nothing, the engine would make a resource without outputs
            return ReadResult("", {})
        state = observed(answer, known)
        if "version" in props and "creation_time" in props:  # a .get has no state, so nothing to compare code with
            stamp = Stamp.found(answer) if self.connection.settings.stamp else None
            state = observed_code(state, answer, stamp, version=known.version, created=known.creation_time)
        return ReadResult(id_, self._state_properties(state), _input_properties(state))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Send what changed, and code only when it changed."""
        state = PluginState.model_construct(**_parsed(_olds))
        inputs = PluginInputs.model_construct(**_parsed(_news))
        self._refuse_another_platform(f"update plugin {state.name!r}", state)
        return UpdateResult(self._state_properties(self._writes(inputs).update(state, inputs)))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the plugin; one that is gone already is deleted. Raises LifecycleError when it is another's now."""
        state = PluginState.model_construct(**({"name": _id} | _parsed(_props)))
        self._refuse_another_platform(f"delete plugin {_id!r}", state)
        self._writes(state).delete(state)

    def _client(self, inputs: PluginInputs) -> Client:
        return self.connection.client(inputs.owner)

    def _refuse_another_platform(self, asked: str, state: PluginState) -> None:
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
                f"{asked}: this stack deployed it to {state.platform}, and {configured}, which is configured now,"
                f" has no plugin {state.name!r} of this stack. What to do: correct the address"
                f" (`pulumi config set biot:baseUrl {state.platform}`, or base_url of its biot.Provider);"
                " or, to leave it there and start anew here, `pulumi state delete` it"
            )

    def _state_properties(self, state: PluginState) -> dict[str, Any]:
        here = state.model_copy(update={"platform": self.connection.settings.base_url})
        return dump(_without_none(here.model_dump(mode="json")), secret=VARIABLES)

    def _writes(self, inputs: PluginInputs) -> PluginWrites:
        settings = self.connection.settings
        return PluginWrites(
            self._client(inputs),
            stamps=settings.stamp,
            seconds=settings.request_timeout,
            tell=report,
            went_on=self.connection.went_on,
        )


def _new_schedule(given: Mapping[str, Any], olds: Mapping[str, Any]) -> str | None:
    """The schedule, when it is known, sound and not the one that was there before."""
    schedule = given.get("cron_schedule")
    if isinstance(schedule, str) and schedule != olds.get("cron_schedule") and not schedule_problem(schedule):
        return schedule
    return None


def _schedule_over(given: Mapping[str, Any], olds: Mapping[str, Any]) -> list[Problem]:
    """A new schedule whose times are all past is a mistake; one that has run out since is none."""
    schedule = _new_schedule(given, olds)
    if schedule is None or next_runs(schedule, datetime.now(UTC), 1):
        return []
    return [Problem("cron_schedule", f"never fires again, its last time is past (it reads: {in_words(schedule)})")]


def _report_runs(given: Mapping[str, Any], olds: Mapping[str, Any]) -> None:
    schedule = _new_schedule(given, olds)
    if schedule is not None:
        runs = ", ".join(f"{run:%a %Y-%m-%d %H:%M}" for run in next_runs(schedule, datetime.now(UTC)))
        report(f"plugin {given.get('name')!r}: schedule {schedule!r} ({in_words(schedule)}): next runs {runs} UTC")


def _check_version(state: PluginState, inputs: PluginInputs, changed: set[str]) -> None:
    """The platform's two rules for a version given by hand (BioT API 2.4.2, version)."""
    if inputs.version is None:
        return
    last = state.declared_version or state.version or 0
    if CODE in changed:
        if inputs.version <= last and not is_foreign(state.code_digest):
            raise InputError(
                f"version: plugin {inputs.name!r} has new code, so its version must be above {last},"
                f" not {inputs.version}; or leave version out to have it managed"
            )
    elif inputs.version not in (last, state.version):
        raise InputError(
            f"version: plugin {inputs.name!r} has no new code, so its version must stay {last},"
            f" not {inputs.version}; or leave version out to have it managed"
        )


def _report_variables(state: PluginState, inputs: PluginInputs) -> None:
    """Tell which variables change: the engine shows every secret value alike, changed or not."""
    old, new = state.environment_variables, inputs.environment_variables
    changed = sorted(key for key in old.keys() & new.keys() if old[key] != new[key])
    if changed:
        report(f"plugin {inputs.name!r}: the value of {', '.join(changed)} changes (environment_variables)")


def _with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"display_name": given.get("name")}
    if given.get("image_tag") is None:
        defaults |= {"runtime": DEFAULT_RUNTIME, "handler": DEFAULT_HANDLER}
    return defaults | dict(given)


def _add_code(values: dict[str, Any], olds: Mapping[str, Any]) -> list[Problem]:
    """Read the package, add its digests; every problem with it is one of ``code`` or ``handler``."""
    try:
        package = read_package(Path(values["code"]))
        changed = package.digest != olds.get("code_digest")
        problem = zipped_size_problem(package) if changed else None
    except PackagingError as error:
        return [Problem("code", str(error))]
    if problem:
        return [Problem("code", problem)]
    values["code_digest"] = package.digest
    values["code_files"] = package.file_digests()
    runtime, handler = values["runtime"], values["handler"]
    if isinstance(runtime, str) and isinstance(handler, str):
        try:
            problem = handler_problem(package, runtime, handler)
        except OSError as error:  # such as a name too long for a file
            problem = f"the handler {shown(handler)} cannot be looked for: {error.strerror}"
        if problem:
            return [Problem("handler", problem)]
    return []


def _normalised(values: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as they are kept: known ones in the model's types and order, the others as they came."""
    unknown = {key: value for key, value in values.items() if holds_unknown(value)}
    known = load(values)
    placeholder = {} if "name" in known else {"name": "unknown"}
    model = PluginInputs.model_validate(known | placeholder)
    return {
        key: value
        for key, value in (_input_properties(model) | unknown).items()
        if not (key in placeholder and key not in unknown)
    }


def _parsed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a model that was dumped before: types restored, nothing checked again."""
    known = load(properties)
    shown = {key: value for key, value in known.items() if key in PluginState.model_fields}
    name = {} if "name" in shown else {"name": "unknown"}
    fields = dict(PluginState.model_validate(shown | name))
    if name:
        del fields["name"]
    return fields


def _input_properties(inputs: PluginInputs) -> dict[str, Any]:
    fields = set(PluginInputs.model_fields) - {"declared_version"}
    values = inputs.model_dump(mode="json", include=fields)
    if isinstance(inputs, PluginState):  # a managed version is nobody's input
        values["version"] = inputs.declared_version
    return dump(_without_none(values), secret=VARIABLES)


def _without_none(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _without_none(value) for key, value in values.items() if value is not None}
    if isinstance(values, list):
        return [_without_none(value) for value in values]
    return values
