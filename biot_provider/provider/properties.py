"""Properties of resources on their way in and out of Pulumi: models in Pulumi's form and back.

Inputs are strict in the check alone; what it has let pass is read back as wide as state is. Names that begin with two
underscores are hidden by the engine; a model says so with a field's alias.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pulumi.dynamic import CheckResult, ReadResult
from pulumi.runtime.rpc import wrap_rpc_secret
from pydantic import BaseModel, TypeAdapter

from biot_provider.api.models.wide import Wide
from biot_provider.config import LOOPBACK
from biot_provider.errors import ConfigError, LifecycleError
from biot_provider.lifecycle.fields import Model
from biot_provider.lifecycle.validation import Problem
from biot_provider.provider.lifecycle import Connection, failures, holds_unknown

ModelT = TypeVar("ModelT", bound=Model)
WideT = TypeVar("WideT", bound=Wide)

_PLATFORM = "__platform"
_SECRETS = ("secret_key", "build_args")


def declared(news: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a program gave."""
    return {key: value for key, value in news.items() if value is not None and not key.startswith("__")}


def loaded(model: type[WideT], properties: Mapping[str, Any]) -> WideT:
    """State, or inputs that were checked; what is missing or not known yet is the default."""
    return model.model_validate({k: v for k, v in properties.items() if v is not None and not holds_unknown(v)})


def validated(model: type[ModelT], properties: Mapping[str, Any]) -> ModelT:
    """Inputs that were checked and are all known, as the strict model that they passed."""
    known = {*model.model_fields, *_hidden(model).values()}
    return model.model_validate({k: v for k, v in properties.items() if k in known and v is not None})


def dumped(value: Wide, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """A model as Pulumi keeps it: nothing that is not set, secrets marked."""
    hidden = _hidden(type(value))
    values = value.model_dump(mode="json", exclude=set(leave_out))
    return _marked({hidden.get(name, name): item for name, item in values.items()})


def checked(model: type[Model], olds: Mapping[str, Any], news: dict[str, Any], problems: list[Problem]) -> CheckResult:
    """The result of a check: the problems, or the inputs with defaults, those not known yet as they came.

    What is as it was stays as it is, in whatever form a read gave it.
    """
    if problems:
        return CheckResult(news, failures(problems))
    properties: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        key = _hidden(model).get(name, name)
        value = news.get(key)
        if value is None:
            value = None if field.is_required() else field.get_default(call_default_factory=True)
        elif value != olds.get(key) and not holds_unknown(value):
            value = _adapter(model, name).validate_python(value)
        properties[key] = value
    return CheckResult(_marked(properties), [])


def without_restored(problems: Iterable[Problem], olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[Problem]:
    """The problems, but those of an argument that is as it was.

    For kinds whose ``read`` gives inputs as the platform shows them: with ``ignore_changes`` the engine puts such a
    value, whatever it is, in the place of the program's, and nothing is sent for it.
    """
    return [problem for problem in problems if not _is_as_it_was(problem.path.partition(".")[0], olds, news)]


def with_known(inputs: WideT, state: Wide, news: Mapping[str, Any]) -> tuple[WideT, list[str]]:
    """The inputs with the state's values in place of those not known yet, and the names of these."""
    waiting = [key for key, value in news.items() if holds_unknown(value) and key in type(inputs).model_fields]
    return inputs.model_copy(update={key: getattr(state, key) for key in waiting}), waiting


def on_platform(connection: Connection, properties: dict[str, Any]) -> dict[str, Any]:
    """A state's properties, with the address of the platform it is about."""
    return properties | {_PLATFORM: connection.settings.base_url}


def gone(what: str, state: Mapping[str, Any]) -> ReadResult:
    """The result of reading what is not there: it is made anew by the next update.

    A ``get`` and an import have no state, and the engine would take the silence for a resource without outputs. Raises
    LifecycleError for these.
    """
    if _PLATFORM not in state:
        raise LifecycleError(f"read {what}: there is none on this platform. What to do: check the id and biot:baseUrl")
    return ReadResult("", {})


def refuse_another_platform(
    connection: Connection, asked: str, state: Mapping[str, Any], is_there: Callable[[], bool]
) -> None:
    """Stop when a resource was made on another platform than the one configured, where its absence says nothing.

    An address where it is there is taken for the same platform under a new name. Raises LifecycleError.
    """
    made_on, configured = state.get(_PLATFORM), connection.settings.base_url
    if made_on in (None, configured) or is_there():
        return
    raise LifecycleError(
        f"{asked}: this stack made it on {made_on}, and it is not on {configured}, which is configured now."
        f" What to do: correct the address (`pulumi config set biot:baseUrl {made_on}`, or base_url of its"
        " biot.Provider); or, to leave it there and start anew here, `pulumi state delete` it"
    )


def resource_name(owner: str | None) -> str:
    """The resource's name in its program, of ``project/stack/name`` or ``project/stack/types::name``."""
    name = (owner or "").split("/", 2)[-1]
    return name.partition("::")[2] or name


def _is_as_it_was(name: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    return name in olds and olds[name] == news.get(name)


def _marked(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties for the engine: nothing that is not set, secrets marked."""
    return {
        name: _as_secret(value) if name in _SECRETS else value
        for name, value in properties.items()
        if value not in (None, [], {})
    }


def _as_secret(value: Any) -> Any:
    return {key: _as_secret(item) for key, item in value.items()} if isinstance(value, dict) else wrap_rpc_secret(value)


@functools.cache
def _hidden(model: type[BaseModel]) -> dict[str, str]:
    return {n: field.alias for n, field in model.model_fields.items() if field.alias and field.alias.startswith("__")}


@functools.cache
def _adapter(model: type[Model], name: str) -> TypeAdapter[Any]:
    annotation: Any = model.model_fields[name].annotation
    return TypeAdapter(annotation)


def endpoints_are_public(connection: Connection) -> bool:
    """Whether the platform calls endpoints from outside: not the embedded one, nor one on loopback."""
    try:
        settings = connection.settings
    except ConfigError:
        return True
    return not (settings.is_embedded or urlsplit(settings.base_url).hostname in LOOPBACK)
