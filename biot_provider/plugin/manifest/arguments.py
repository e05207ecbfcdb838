"""Merges a plugin.yaml with the stack's override for it into the plugin's arguments, and checks them.

The two are merged as written, and then checked. Each problem is one line that names the place of the value. The names
are those of the API, so that the platform's own JSON can be pasted, from the documentation as well as from GET. No line
quotes the value of an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from biot_provider.api.models.plugins import NAME_PREFIX, PluginAnswer
from biot_provider.errors import coded
from biot_provider.lifecycle.problems import IsUnknown, nearest, shown
from biot_provider.plugin.manifest.overrides import Time
from biot_provider.plugin.manifest.yaml_file import Plain, value_of
from biot_provider.plugin.model import UNDECLARED, Interception, PluginInputs
from biot_provider.plugin.rules import plugin_problems
from biot_provider.plugin.stamp import STAMP_VARIABLE

_PACKAGE_TYPE = "deploymentPackageType"
_ARGUMENTS = {str(field.alias): name for name, field in PluginInputs.model_fields.items() if name not in UNDECLARED}
_SHOWN_ONLY = {
    str(field.alias) for name, field in PluginAnswer.model_fields.items() if name not in PluginInputs.model_fields
} - {_PACKAGE_TYPE}
"""Members of a plugin that only the platform sets."""

MANIFEST_KEYS = frozenset({*_ARGUMENTS, *_SHOWN_ONLY, _PACKAGE_TYPE, "enabled"})
"""The keys that a plugin.yaml may have."""

_IGNORED: Mapping[type[BaseModel], frozenset[str]] = {
    # BioT's samples have servicePrefix, but its API does not.
    PluginInputs: frozenset({*_SHOWN_ONLY, "servicePrefix"}),
    Interception: frozenset({"servicePrefix"}),
}
_STATES = {
    **dict.fromkeys(("true", "yes", "on"), "ENABLED"),
    **dict.fromkeys(("false", "no", "off"), "DISABLED"),
}
_WRONG_TYPE, _PACKAGE_PROBLEM = "BIOT-2006", "BIOT-2156"
"""Codes of messages."""
_REPORTED = object()
"""Stands for a value with a problem that is reported already."""


class PluginManifest:
    """A plugin as described by its plugin.yaml together with the stack's override.

    ``place`` and ``override_place`` name the two in ``problems``, to which each step adds.
    """

    def __init__(self, place: str, declared: Any, override_place: str, override: Any) -> None:
        self.problems: list[str] = []
        self._place = place
        self._override_place = override_place
        self._declared = self._layer(declared, place)
        self._override = self._layer(override, override_place)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the resource, in snake case, with the path of the code as written."""
        given = _merged(self._declared, self._override)
        self._check_package_type(given.pop(_PACKAGE_TYPE, None), given.get("imageTag"))
        return self._model(given, PluginInputs, "")

    def check(self, arguments: Mapping[str, Any], is_unknown: IsUnknown) -> None:
        """Add the problems of the arguments."""

        def is_skipped(value: object) -> bool:
            return value is _REPORTED or is_unknown(value)

        for problem in plugin_problems(arguments, is_skipped, self._name_of_other):
            self._add(_camel_path(problem.path), problem.text, problem.code)

    def _name_of_other(self, argument: str, path: str) -> str:
        """Return another argument's name for a problem at the path, with its place if that is a different file."""
        name = _camel(argument)
        if argument not in PluginInputs.model_fields or self._origin(name) == self._origin(_camel_path(path)):
            return name
        return f"{name}, which stands in {self._origin(name)}"

    def _layer(self, given: Any, place: str) -> dict[str, Any]:
        """Return the plugin.yaml or the override, with alternative spellings of a declaration unified."""
        if given is None or _is_null(given):
            return {}
        if not isinstance(given, Mapping):
            self.problems.append(coded(f"{place}: must be a map such as 'displayName: My plugin'", _WRONG_TYPE))
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
            problem = f"{place}: enabled: is short for enabledState: leave one of them out"
            self.problems.append(coded(problem, "BIOT-2154"))
        elif state is not None or enabled is None or _is_null(enabled):
            values["enabledState"] = state
        else:
            self.problems.append(coded(f"{place}: enabled: must be true or false, not {shown(enabled)}", _WRONG_TYPE))

    def _check_package_type(self, written: Any, image_tag: Any) -> None:
        """Add a problem if the package type is given and contradicts imageTag."""
        package_type = value_of(written)
        has_image = value_of(image_tag) is not None
        if package_type not in (None, "ZIP", "IMAGE"):
            self._add(_PACKAGE_TYPE, f"must be ZIP or IMAGE, not {shown(package_type)}", "BIOT-2003")
        elif package_type == "IMAGE" and not has_image:
            self._add(_PACKAGE_TYPE, "IMAGE needs an imageTag", _PACKAGE_PROBLEM)
        elif package_type == "ZIP" and has_image:
            problem = f"ZIP does not go with {self._name_of_other('image_tag', _PACKAGE_TYPE)}"
            self._add(_PACKAGE_TYPE, problem, _PACKAGE_PROBLEM)

    def _model(self, given: Mapping[Any, Any], model: type[BaseModel], path: str) -> dict[str, Any]:
        """Return the members of a map under their names in snake case, without those that are null."""
        fields = {str(field.alias): name for name, field in model.model_fields.items() if name not in UNDECLARED}
        members: dict[str, Any] = {}
        for key, value in given.items():
            if key in fields:
                name = fields[key]
                members[name] = self._value(value, model.model_fields[name].annotation, f"{path}{key}")
            elif key not in _IGNORED.get(model, ()):
                known = MANIFEST_KEYS - _SHOWN_ONLY if model is PluginInputs else fields
                self._add(f"{path}{key}", f"unknown key{nearest(key, sorted(known))}", "BIOT-2001")
        return {name: value for name, value in members.items() if value is not None}

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
        # Elsewhere an empty value is null. A variable may be meant to be empty, which is a separate problem.
        is_empty = isinstance(value, Plain) and value == ""
        return "" if is_empty else self._value(value, annotation, path)

    def _text(self, value: Any, path: str) -> Any:
        if isinstance(value, Plain):
            return None if _is_null(value) else str(value)
        if isinstance(value, (bool, int, float, Time)):
            kinds = {bool: "true or false", Time: "a time"}
            problem = f"must be a string, not {kinds.get(type(value), 'a number')}: put it in quotes"
            self._add(path, problem, _WRONG_TYPE)
            return _REPORTED
        return value

    def _add(self, path: str, text: str, code: str | None) -> None:
        self.problems.append(coded(f"{self._origin(path)}: {path}: {text}", code))

    def _origin(self, path: str) -> str:
        """Return the place of the value at the path: the plugin.yaml, the override, or both."""
        head, _, variable = path.partition(".")
        keys = [head, variable] if head == "environmentVariables" and variable else re.findall(r"[^.\[\]]+", path)
        here: Any = self._override
        for key in keys:
            if not isinstance(here, Mapping):
                return self._override_place  # A list or a scalar replaces the whole value.
            if key not in here:
                return self._place
            here = here[key]
        if isinstance(here, Mapping) and head in self._declared:
            return f"{self._place} with {self._override_place}"
        return self._override_place


def _is_null(written: Any) -> bool:
    """Return whether a value is empty or `null`; YAML's other words for null are text where text is expected."""
    return isinstance(written, Plain) and written in ("", "null")


def _merged(declared: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the override into the declared values: maps member by member, lists and values as a whole, null removes."""
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
    """Return the type of a field's value (str for a choice of words), and the annotation of its members."""
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


def _camel(path: str) -> str:
    # pydantic's `to_camel` takes a single name, and would write `Interceptions` after a dot.
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), path)


def _camel_path(path: str) -> str:
    head, dot, variable = path.partition("environment_variables.")
    return f"environmentVariables.{variable}" if dot else _camel(head)
