"""Properties of resources on their way in and out of Pulumi: models in Pulumi's form and back.

Names that begin with two underscores are hidden by the engine; a model says so with a field's alias.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from pulumi.dynamic import CheckResult, ReadResult
from pulumi.runtime.rpc import wrap_rpc_secret
from pydantic import TypeAdapter, ValidationError

from biot_provider.config import LOOPBACK
from biot_provider.errors import ConfigError, LifecycleError
from biot_provider.models import Model
from biot_provider.provider.lifecycle import Connection, failures, holds_unknown
from biot_provider.rules import Problem

ModelT = TypeVar("ModelT", bound=Model)

_PLATFORM = "__platform"
_SECRET = "secret_key"  # noqa: S105  (the name of a property)


def declared(news: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a program gave."""
    return {key: value for key, value in news.items() if value is not None and not key.startswith("__")}


def loaded(model: type[ModelT], properties: Mapping[str, Any]) -> ModelT:
    """Properties that were checked before, as a model; what is missing or not known yet is the default, or None."""
    hidden = {alias: name for name, alias in _hidden(model).items()}
    values = {name: None if field.is_required() else field.get_default(call_default_factory=True)
              for name, field in model.model_fields.items()}  # fmt: skip
    for key, value in properties.items():
        name = hidden.get(key, key)
        if name in values and value is not None and not holds_unknown(value):
            values[name] = _restored(model, name, value)
    return cast(ModelT, model.model_construct(**values))


def dumped(value: Model, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """A model as Pulumi keeps it: nothing that is not set, the secret key marked as a secret."""
    hidden = _hidden(type(value))
    properties = {
        hidden.get(name, name): item
        for name, item in value.model_dump(mode="json").items()
        if item not in (None, [], {}) and name not in leave_out
    }
    if _SECRET in properties:
        properties[_SECRET] = wrap_rpc_secret(properties[_SECRET])
    return properties


def checked(model: type[Model], news: dict[str, Any], problems: list[Problem]) -> CheckResult:
    """The result of a check: the problems, or the inputs with defaults, those not known yet as they came."""
    if problems:
        return CheckResult(news, failures(problems))
    unknown = {key: value for key, value in news.items() if key in model.model_fields and holds_unknown(value)}
    return CheckResult(dumped(loaded(model, news)) | unknown, [])


def with_known(inputs: ModelT, state: Model, news: Mapping[str, Any]) -> tuple[ModelT, list[str]]:
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


def _restored(model: type[Model], name: str, value: object) -> object:
    """The value in its field's type: Pulumi has no whole numbers. What the platform shows may be none of the type."""
    try:
        return _adapter(model, name).validate_python(value)
    except ValidationError:
        return value


@functools.cache
def _hidden(model: type[Model]) -> dict[str, str]:
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
