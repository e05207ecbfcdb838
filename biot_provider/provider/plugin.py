"""The lifecycle of ``biot.Plugin``: check, diff, create, read, update, delete.

Each operation parses in its first line and dumps in its last. A write whose outcome is unclear is followed by a
read that tells what happened; only then is anything repeated, so that there is never a second plugin.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from biot_provider.errors import (
    ApiError,
    BiotError,
    ConfigError,
    ConflictError,
    InputError,
    LifecycleError,
    NotFoundError,
    PackagingError,
)
from biot_provider.models import DEFAULT_HANDLER, DEFAULT_RUNTIME, PluginAnswer, PluginInputs, PluginState
from biot_provider.packaging import handler_problem, read_package, zipped_size_problem
from biot_provider.provider.lifecycle import (
    Deadline,
    LifecycleProvider,
    dump,
    failures,
    holds_unknown,
    is_unknown,
    load,
    operation,
    report,
    unclear,
    worth_repeating,
)
from biot_provider.provider.plugin_state import (
    CODE,
    Stamp,
    changed_fields,
    code_identity,
    create_body,
    is_foreign,
    observed,
    owner_hash,
    replacing_fields,
    update_body,
    with_code_seen,
)
from biot_provider.rules import Problem, plugin_problems, runtime_warning

if TYPE_CHECKING:
    from biot_provider.client import Client

_SECRET = "environment_variables"  # noqa: S105
_VERSION_TOO_LOW = "PLUGIN_VERSION_MUST_BE_LARGER_WHEN_UPDATING_CODE"


class PluginProvider(LifecycleProvider):
    """Pulumi's provider of ``biot.Plugin``. State refers to it by this module and name: they must not change."""

    @operation
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Find every bad input, fill in defaults and the digests of the code; local files only, no request."""
        given = {key: value for key, value in news.items() if key != "__provider" and value is not None}
        problems = self._settings_problems()
        hidden = ("code_digest", "code_files", "__owner", "__version")
        problems += plugin_problems({key: v for key, v in given.items() if key not in hidden}, is_unknown)
        values = _with_defaults(given)
        if isinstance(values.get("code"), str) and "image_tag" not in given:
            problems += _add_code(values, _olds)
        if problems:
            return CheckResult(news, failures(problems))
        if warning := runtime_warning(given.get("runtime")):
            report(f"warning: plugin {values.get('name')!r}: {warning}")
        return CheckResult(_normalised(values), [])

    @operation
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say what the platform would change, and nothing else. Raises InputError for a version it would refuse."""
        state = PluginState.model_construct(**_parsed(_olds))
        waiting = [key for key, value in _news.items() if holds_unknown(value)]
        inputs = PluginInputs.model_construct(**({"name": state.name} | _parsed(_news)))
        if waiting:
            inputs = inputs.model_copy(update={key: getattr(state, key) for key in waiting if hasattr(state, key)})
            if "code" in waiting or "image_tag" in waiting:
                inputs = inputs.model_copy(update={"code_digest": state.code_digest, "code_files": state.code_files})
        changed = changed_fields(state, inputs)
        replaces = replacing_fields(state, inputs)
        if not replaces and not waiting:
            _check_version(state, inputs, changed)
        if _SECRET in changed:
            _report_variables(state, inputs)
        return DiffResult(
            changes=bool(changed or replaces or waiting), replaces=replaces, delete_before_replace=bool(replaces)
        )

    @operation
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the plugin, or go on with one that an interrupted create of ours has left."""
        inputs = PluginInputs.model_construct(**_parsed(props))
        state = self._create(inputs)
        return CreateResult(inputs.name, _state_properties(state))

    @operation
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the plugin: state and inputs, so that drift shows and the next update heals it."""
        known = PluginState.model_construct(**({"name": id_} | _parsed(props)))
        try:
            answer = self._client(known).get_plugin(id_)
        except NotFoundError:
            return ReadResult("", {})
        state = observed(answer, known)
        if "version" in props and "creation_time" in props:  # a .get has no state, so nothing to compare code with
            state = with_code_seen(state, answer, version=known.version, created=known.creation_time)
        return ReadResult(id_, _state_properties(state), _input_properties(state))

    @operation
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Send what changed, and code only when it changed."""
        state = PluginState.model_construct(**_parsed(_olds))
        inputs = PluginInputs.model_construct(**_parsed(_news))
        return UpdateResult(_state_properties(self._update(state, inputs, fresh=False)))

    @operation
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the plugin; one that is gone already is deleted. Raises LifecycleError when it is another's now."""
        state = PluginState.model_construct(**({"name": _id} | _parsed(_props)))
        client = self._client(state)
        deadline = Deadline(self.connection.settings.request_timeout)
        failed: BiotError | None = None
        for _ in deadline.attempts():
            try:
                self._refuse_if_anothers(client.get_plugin(_id), state)
                client.delete_plugin(_id, timeout=deadline.remaining())
            except NotFoundError:
                return
            except BiotError as error:
                if not worth_repeating(error):
                    raise
                failed = error
            else:
                return
        raise LifecycleError(f"{failed}. Whether plugin {_id!r} is deleted is not known")

    def _client(self, inputs: PluginInputs) -> Client:
        return self.connection.client(inputs.owner)

    def _settings_problems(self) -> list[Problem]:
        try:
            _ = self.connection.settings
        except ConfigError as error:
            return [Problem("", str(error))]
        return []

    @property
    def _stamps(self) -> bool:
        return self.connection.settings.stamp

    def _create(self, inputs: PluginInputs) -> PluginState:
        client = self._client(inputs)
        deadline = Deadline(self.connection.settings.request_timeout)
        failed: BiotError | None = None
        for attempt in deadline.attempts():
            try:
                if attempt:
                    found = _find(client, inputs.name)
                    if found is not None:
                        return self._take_over(inputs, found, failed)
                    if failed is not None and not worth_repeating(failed):
                        raise failed
                with _package(inputs) as code:
                    answer = client.create_plugin(
                        create_body(inputs, stamp=self._stamps), code, timeout=deadline.remaining()
                    )
                return _deployed(answer, inputs)
            except ConflictError as error:
                found = _find(client, inputs.name)
                if found is not None:
                    return self._take_over(inputs, found, failed or error)
                failed = error
            except BiotError as error:
                if not unclear(error):
                    raise
                failed = error
        raise LifecycleError(f"{failed}. Plugin {inputs.name!r} was not found there afterwards")

    def _take_over(self, inputs: PluginInputs, found: PluginAnswer, cause: BiotError | None) -> PluginState:
        """Go on with a plugin that exists: ours by its stamp, or anyone's when ``adopt`` says so."""
        stamp = Stamp.found(found)
        mine = stamp is not None and stamp.owner == owner_hash(inputs.owner)
        # Without stamps, only an unclear create of this very moment can have made it.
        fits = not self._stamps and not isinstance(cause, ConflictError) and found.display_name == inputs.display_name
        if not mine and not fits and not inputs.adopt:
            whose = f"belongs to another stack or resource (owner {stamp.owner})" if stamp else "carries no stamp"
            raise LifecycleError(
                f"create plugin {inputs.name!r}: a plugin of that name exists already and {whose}."
                " What to do: choose another name, or set adopt=True to take it over"
            )
        if (found.deployment_package_type or inputs.package_type) != inputs.package_type:
            raise LifecycleError(
                f"create plugin {inputs.name!r}: the existing plugin is of package type"
                f" {found.deployment_package_type}, which cannot change. What to do: delete it, or choose another name"
            )
        if not mine and not fits:
            owner = f" of owner {stamp.owner}" if stamp else ""
            report(f"warning: plugin {inputs.name!r}: takes over the existing plugin{owner} (adopt is set)")
        version = (inputs.version or 1) if mine or fits else None
        state = with_code_seen(observed(found, inputs), found, version=version, created=found.creation_time)
        if not mine and self._stamps:
            return self._update(state, inputs, fresh=True, also={_SECRET})
        return self._update(state, inputs, fresh=True)

    def _update(
        self, state: PluginState, inputs: PluginInputs, *, fresh: bool, also: set[str] | None = None
    ) -> PluginState:
        """Bring a plugin from ``state`` to ``inputs``; ``fresh`` says that the state was read just now."""
        client = self._client(inputs)
        deadline = Deadline(self.connection.settings.request_timeout)
        changed = changed_fields(state, inputs) | (also or set())
        sent_version: int | None = None
        failed: BiotError | None = None
        for attempt in deadline.attempts():
            try:
                answer = None
                if attempt or (CODE in changed and not fresh):
                    answer = client.get_plugin(inputs.name)
                    if attempt or answer.version != state.version:
                        changed = self._remaining(answer, state, inputs, sent_version)
                if not changed:
                    return _deployed(answer, inputs) if answer else observed_as(state, inputs)
                if failed is not None and not worth_repeating(failed):
                    raise failed
                version = None
                if CODE in changed:
                    version = max(inputs.version or 0, (answer.version if answer else state.version or 0) + 1)
                    sent_version = version
                body = update_body(inputs, changed, version=version, stamp=self._stamps)
                with _package(inputs) if CODE in changed else contextlib.nullcontext() as code:
                    answer = client.update_plugin(inputs.name, body, code, timeout=deadline.remaining())
                _refuse_kept_schedule(answer, inputs, changed)
                return _deployed(answer, inputs)
            except NotFoundError as error:
                raise LifecycleError(
                    f"update plugin {inputs.name!r}: it no longer exists (trace id {error.trace_id})."
                    " What to do: run `pulumi up --refresh`, which creates it again"
                ) from None
            except BiotError as error:
                too_low = isinstance(error, ApiError) and error.code == _VERSION_TOO_LOW
                if not (unclear(error) or (too_low and failed is None)):
                    raise
                failed = error
        raise LifecycleError(f"{failed}. Whether the update of plugin {inputs.name!r} was carried out is not known")

    def _remaining(self, answer: PluginAnswer, state: PluginState, inputs: PluginInputs, sent: int | None) -> set[str]:
        """What is still to change, given what the platform shows now."""
        now = observed(answer, inputs)
        stamp = Stamp.found(answer)
        wanted = code_identity(inputs)
        if sent is not None:
            landed = answer.version == sent and (stamp is None or stamp.digest == wanted)
        else:  # a write of ours whose answer never reached the state has left its stamp
            landed = (
                stamp is not None
                and stamp.digest == wanted
                and (answer.version == state.version or not is_foreign(state.code_digest))
                and (answer.version != state.version or code_identity(state) == wanted)
            )
        changed = changed_fields(now, inputs) - {CODE}
        return changed if landed else changed | {CODE} if _has_code(inputs) else changed

    def _refuse_if_anothers(self, answer: PluginAnswer, state: PluginState) -> None:
        stamp = Stamp.found(answer)
        if stamp is not None and state.owner is not None and stamp.owner != owner_hash(state.owner):
            raise LifecycleError(
                f"delete plugin {state.name!r}: it now belongs to another stack or resource (owner {stamp.owner}),"
                " so it is left alone. What to do: run `pulumi state delete` for this resource"
            )


def observed_as(state: PluginState, inputs: PluginInputs) -> PluginState:
    """The state with the inputs' words: for an update that had nothing left to send."""
    kept = {name: getattr(inputs, name) for name in PluginInputs.model_fields if name != "version"}
    return state.model_copy(update=kept | {"declared_version": inputs.version})


def _deployed(answer: PluginAnswer, inputs: PluginInputs) -> PluginState:
    return observed(answer, inputs.model_copy(update={"declared_version": inputs.version}))


def _has_code(inputs: PluginInputs) -> bool:
    return inputs.code_digest is not None or inputs.image_tag is not None


def _find(client: Client, name: str) -> PluginAnswer | None:
    try:
        return client.get_plugin(name)
    except NotFoundError:
        return None


def _refuse_kept_schedule(answer: PluginAnswer, inputs: PluginInputs, changed: set[str]) -> None:
    if "cron_schedule" in changed and inputs.cron_schedule is None and answer.cron_schedule is not None:
        raise LifecycleError(
            f"update plugin {inputs.name!r}: the platform keeps the schedule {answer.cron_schedule!r}"
            " although it was told to clear it. What to do: set enabled_state to DISABLED, or replace the plugin"
            " (`pulumi up --replace <urn>`)"
        )


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
        problem = handler_problem(package, runtime, handler)
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
    return dump(_without_none(values), secret=_SECRET)


def _state_properties(state: PluginState) -> dict[str, Any]:
    return dump(_without_none(state.model_dump(mode="json")), secret=_SECRET)


def _without_none(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _without_none(value) for key, value in values.items() if value is not None}
    if isinstance(values, list):
        return [_without_none(value) for value in values]
    return values


@contextlib.contextmanager
def _package(inputs: PluginInputs) -> Iterator[IO[bytes] | None]:
    """The zip of the code as a file, or None when there is no code of its own."""
    if inputs.code is None:
        yield None
        return
    package = read_package(Path(inputs.code))
    if package.digest != inputs.code_digest:
        raise PackagingError(f"code: {inputs.code} changed after the preview looked at it: run `pulumi up` again")
    with tempfile.TemporaryFile() as target:
        package.write_zip(target)
        target.seek(0)
        yield target
