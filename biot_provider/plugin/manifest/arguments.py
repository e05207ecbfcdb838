"""A plugin.yaml, and what a stack says of its plugin, become the plugin's arguments.

The two are merged as they are written, and judged after that: every mistake is one line that names the place where the
value stands. The names are those of the API, so that the platform's own JSON is valid as it is pasted, a sample of the
documentation as well as what GET shows. No line quotes the value of an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from biot_provider.api.models.plugins import NAME_PREFIX, PluginAnswer
from biot_provider.lifecycle.validation import nearest, shown
from biot_provider.plugin.manifest.overrides import Time
from biot_provider.plugin.manifest.yaml_file import Plain, value_of
from biot_provider.plugin.model import UNDECLARED, Interception, PluginInputs
from biot_provider.plugin.rules import STAMP_VARIABLE, plugin_problems

_PACKAGE_TYPE = "deploymentPackageType"
_ARGUMENTS = {str(field.alias): name for name, field in PluginInputs.model_fields.items() if name not in UNDECLARED}
_SHOWN_ONLY = {
    str(field.alias) for name, field in PluginAnswer.model_fields.items() if name not in PluginInputs.model_fields
} - {_PACKAGE_TYPE}
"""What the platform shows of a plugin and nobody declares."""

MANIFEST_KEYS = frozenset({*_ARGUMENTS, *_SHOWN_ONLY, _PACKAGE_TYPE, "enabled"})
"""What a plugin.yaml may hold."""

_IGNORED: Mapping[type[BaseModel], frozenset[str]] = {
    # BioT's samples have servicePrefix, its API has not.
    PluginInputs: frozenset({*_SHOWN_ONLY, "servicePrefix"}),
    Interception: frozenset({"servicePrefix"}),
}
_STATES = {
    **dict.fromkeys(("true", "yes", "on"), "ENABLED"),
    **dict.fromkeys(("false", "no", "off"), "DISABLED"),
}
_REPORTED = object()
"""Stands for a value whose own mistake is reported already."""


class PluginManifest:
    """A plugin as its plugin.yaml and the stack describe it together.

    ``place`` and ``override_place`` are their names in ``problems``, which holds what is wrong after each step.
    """

    def __init__(self, place: str, declared: Any, override_place: str, override: Any) -> None:
        self.problems: list[str] = []
        self._place = place
        self._override_place = override_place
        self._declared = self._layer(declared, place)
        self._override = self._layer(override, override_place)

    def arguments(self) -> dict[str, Any]:
        """The arguments of the resource, in snake case; the path of the code is as written."""
        given = _merged(self._declared, self._override)
        self._check_package_type(given.pop(_PACKAGE_TYPE, None), given.get("imageTag"))
        return self._model(given, PluginInputs, "")

    def check(self, arguments: Mapping[str, Any], is_unknown: Callable[[object], bool]) -> None:
        """Add what is wrong with the arguments."""
        for problem in plugin_problems(arguments, lambda value: value is _REPORTED or is_unknown(value)):
            path = _camel_path(problem.path)
            text = re.sub(r"\b(image_tag|entity_type_name)\b", lambda match: _camel(match[0]), problem.text)
            if "imageTag:" in text and self._origin("imageTag") != self._origin(path):
                text = text.replace("imageTag:", f"imageTag, which stands in {self._origin('imageTag')}:", 1)
            self._add(path, text)

    def _layer(self, given: Any, place: str) -> dict[str, Any]:
        """One of the two, with what is only another way to write the same thing set right."""
        if given is None or _is_null(given):
            return {}
        if not isinstance(given, Mapping):
            self.problems.append(f"{place}: must be a map such as 'displayName: My plugin'")
            return {}
        values = {str(key): value for key, value in given.items()}
        if "enabled" in values:
            self._set_state(values, place)
        if isinstance(name := values.get("name"), str) and name.startswith(NAME_PREFIX):
            values["name"] = name.removeprefix(NAME_PREFIX)
        if isinstance(variables := values.get("environmentVariables"), Mapping):
            is_answer = not _SHOWN_ONLY.isdisjoint(values)
            values["environmentVariables"] = {
                key: value
                for key, value in variables.items()
                if key != STAMP_VARIABLE and not (is_answer and str(key).startswith("BIOT_"))
            }
        return values

    def _set_state(self, values: dict[str, Any], place: str) -> None:
        enabled = values.pop("enabled")
        state = _STATES.get(str(enabled).lower()) if isinstance(enabled, (bool, str)) else None
        if "enabledState" in values:
            self.problems.append(f"{place}: enabled: is short for enabledState: leave one of them out")
        elif state is not None or enabled is None or _is_null(enabled):
            values["enabledState"] = state
        else:
            self.problems.append(f"{place}: enabled: must be true or false, not {shown(enabled)}")

    def _check_package_type(self, written: Any, image_tag: Any) -> None:
        """The package type follows from imageTag; written out, it must agree."""
        package_type = value_of(written)
        has_image = value_of(image_tag) is not None
        if package_type not in (None, "ZIP", "IMAGE"):
            self._add(_PACKAGE_TYPE, f"must be ZIP or IMAGE, not {shown(package_type)}")
        elif package_type == "IMAGE" and not has_image:
            self._add(_PACKAGE_TYPE, "IMAGE needs an imageTag")
        elif package_type == "ZIP" and has_image:
            where = self._origin("imageTag")
            other = f", which stands in {where}" if where != self._origin(_PACKAGE_TYPE) else ""
            self._add(_PACKAGE_TYPE, f"ZIP does not go with imageTag{other}")

    def _model(self, given: Mapping[Any, Any], model: type[BaseModel], path: str) -> dict[str, Any]:
        """The members of a map under the names that they have here, without those that are null."""
        fields = {str(field.alias): name for name, field in model.model_fields.items() if name not in UNDECLARED}
        read: dict[str, Any] = {}
        for key, value in given.items():
            if key in fields:
                name = fields[key]
                read[name] = self._value(value, model.model_fields[name].annotation, f"{path}{key}")
            elif key not in _IGNORED.get(model, ()):
                known = MANIFEST_KEYS - _SHOWN_ONLY if model is PluginInputs else fields
                self._add(f"{path}{key}", f"unknown key{nearest(key, sorted(known))}")
        return {name: value for name, value in read.items() if value is not None}

    def _value(self, value: Any, annotation: Any, path: str) -> Any:
        kind, member = _kind(annotation)
        if isinstance(value, Mapping):
            if issubclass(kind, BaseModel):
                return self._model(value, kind, f"{path}.")
            if kind is dict:
                read = {str(key): self._variable(item, member, f"{path}.{key}") for key, item in value.items()}
                return {key: item for key, item in read.items() if item is not None}
        if isinstance(value, (list, tuple)) and kind is tuple:
            return [self._value(item, member, f"{path}[{index}]") for index, item in enumerate(value)]
        return self._text(value, path) if kind is str else value_of(value)

    def _variable(self, value: Any, annotation: Any, path: str) -> Any:
        # Elsewhere nothing after the colon is null; a variable may have been meant to be empty, which none can be.
        empty = isinstance(value, Plain) and value == ""
        return "" if empty else self._value(value, annotation, path)

    def _text(self, value: Any, path: str) -> Any:
        if isinstance(value, Plain):
            return None if _is_null(value) else str(value)
        if isinstance(value, (bool, int, float, Time)):
            kind = "true or false" if isinstance(value, bool) else "a time" if isinstance(value, Time) else "a number"
            self._add(path, f"must be a string, not {kind}: put it in quotes")
            return _REPORTED
        return value

    def _add(self, path: str, text: str) -> None:
        self.problems.append(f"{self._origin(path)}: {path}: {text}")

    def _origin(self, path: str) -> str:
        """The place where the value at the path stands; both, where each has a part of it."""
        head, _, variable = path.partition(".")
        keys = [head, variable] if head == "environmentVariables" and variable else re.findall(r"[^.\[\]]+", path)
        here: Any = self._override
        for key in keys:
            if not isinstance(here, Mapping):
                return self._override_place  # A list or a value replaces the whole.
            if key not in here:
                return self._place
            here = here[key]
        if isinstance(here, Mapping) and head in self._declared:
            return f"{self._place} with {self._override_place}"
        return self._override_place


def _is_null(written: Any) -> bool:
    """Whether nothing is written, or JSON's null; other words for it are text where text is wanted."""
    return isinstance(written, Plain) and written in ("", "null")


def _merged(declared: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Maps are merged, lists and values replaced, and null takes a value away."""
    merged = dict(declared)
    for key, value in override.items():
        if value is None or _is_null(value):
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = _merged(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def _kind(annotation: Any) -> tuple[type, Any]:
    """What a field holds, str where only some words are allowed; and what its members are."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, UnionType):
        return _kind(next(argument for argument in arguments if argument is not NoneType))
    if origin is Literal:
        return str, None
    if origin is tuple:
        return tuple, arguments[0]
    if origin is dict:
        return dict, arguments[1]
    return annotation, None


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _camel_path(path: str) -> str:
    head, dot, variable = path.partition("environment_variables.")
    return f"environmentVariables.{variable}" if dot else _camel(head)
