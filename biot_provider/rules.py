"""What is wrong with a plugin's arguments: every rule of the contract that can be checked without the platform.

All problems come back at once, each with the path of its property. A value not known yet is skipped: the same
rules run again when it is known. No text here quotes the value of an environment variable.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from biot_provider.models import (
    MAX_VERSION,
    NAME_PREFIX,
    UNDECLARED,
    Cors,
    Interception,
    Notification,
    PluginInputs,
    Subscriptions,
)
from biot_provider.schedule import schedule_problem

STAMP_VARIABLE = "PULUMI_BIOT_STAMP"
STAMP_BYTES = len(STAMP_VARIABLE) + 3 + 12 + 1 + 64
"""What the stamp takes of the variables' space, at most."""

VARIABLES_BYTES = 4096
"""Bytes of all variables, keys and values together (AWS Lambda quotas)."""

_RESERVED_PREFIXES = {"BIOT_": "BioT", "AWS_": "AWS Lambda"}
_VARIABLE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
API_ID = re.compile(r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)/\S+")
"""An API as interceptions name it: a method and, right behind it, the path with its service."""

_IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_UNITS = {"timeout": " (seconds)", "memory_size": " (MB)", "ephemeral_storage": " (MB)"}

RETIRED_RUNTIMES = frozenset(
    {
        *("nodejs", "nodejs4.3", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x"),
        *("nodejs18.x", "nodejs20.x", "python2.7", "python3.6", "python3.7", "python3.8", "python3.9", "python3.10"),
        *("java8", "dotnetcore2.1", "dotnetcore3.1", "dotnet5.0", "dotnet6", "dotnet7", "go1.x", "ruby2.5"),
        *("ruby2.7", "ruby3.2", "provided"),
    }
)
"""Runtimes AWS Lambda has deprecated (AWS Lambda runtimes, 2026): they deploy for a while, then no longer."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, and what with what is allowed and what was given."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


def plugin_problems(values: Mapping[str, Any], is_unknown: Callable[[object], bool]) -> list[Problem]:
    """Every problem of a plugin's arguments, in the order of their paths."""
    return sorted(
        [
            *_model_problems(values, is_unknown),
            *_name_problems(values.get("name")),
            *_package_problems(values),
            *_variable_problems(values.get("environment_variables"), is_unknown),
            *_subscription_problems(values.get("subscriptions")),
            *_schedule_problems(values.get("cron_schedule")),
        ],
        key=lambda problem: problem.path,
    )


def runtime_warning(runtime: object) -> str | None:
    """A sentence when AWS has retired the runtime."""
    if isinstance(runtime, str) and runtime in RETIRED_RUNTIMES:
        return f"runtime {runtime!r} is retired by AWS Lambda: the platform may refuse it now or soon"
    return None


def _model_problems(values: Mapping[str, Any], is_unknown: Callable[[object], bool]) -> Iterator[Problem]:
    try:
        PluginInputs.model_validate(values)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            if is_unknown(found["input"]):
                continue
            path = _path(found["loc"])
            if found["type"] == "missing":  # told by its name on the wire
                path = snake(path)
            if path.startswith("environment_variables"):
                if found["type"] == "dict_type":
                    yield Problem("environment_variables", "must be a map of strings")
                continue  # keys and values have rules of their own, which quote no value
            yield Problem(path, _text(found, path))


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def snake(path: str) -> str:
    """The API's camel case, in a name or a path, as the arguments are called here."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda match: f"_{match[0].lower()}", path)


_KEYS: Mapping[str, type[BaseModel]] = {
    "": PluginInputs,
    "subscriptions": Subscriptions,
    "subscriptions.interceptions": Interception,
    "subscriptions.notifications": Notification,
    "cors": Cors,
}


WRONG_TYPE: Mapping[str, str] = {
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size", "value_error", "finite_number"),
        "a whole number",
    ),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a map of arguments"),
    "string_type": "a string",
    "string_pattern_mismatch": "letters, digits, - and _ only",
}
"""What must be there instead, by pydantic's kind of error."""


def _text(found: Mapping[str, Any], path: str) -> str:
    kind, given, context = found["type"], found["input"], found.get("ctx", {})
    units = _UNITS.get(path, "")
    if kind == "extra_forbidden":
        return "unknown argument" + _nearest_argument(path)
    if kind in ("greater_than_equal", "less_than_equal"):
        low, high = _range(path)
        return f"must be {low} to {high}{units}, not {shown(given)}"
    if kind == "literal_error":
        return f"must be {context['expected']}, not {shown(given)}" + nearest(given, _quoted(context["expected"]))
    if kind == "string_too_long":
        return f"must be at most {context['max_length']} characters, not {len(given)}"
    if kind in WRONG_TYPE:
        return f"must be {WRONG_TYPE[kind]}{units}, not {shown(given)}"
    return {"missing": "is required", "string_too_short": "must not be empty"}.get(kind, str(found["msg"]))


def _nearest_argument(path: str) -> str:
    parent, _, key = path.rpartition(".")
    model = _KEYS[re.sub(r"\[\d+\]$", "", parent)]
    return nearest(key, sorted(set(model.model_fields) - UNDECLARED))


def _range(path: str) -> tuple[int, int]:
    field = PluginInputs.model_fields.get(path)
    if field is None:
        return 1, 2**31 - 1
    bounds = {name: getattr(m, name) for m in field.metadata for name in ("ge", "le") if hasattr(m, name)}
    if not bounds:  # Optional fields keep their bounds inside the annotation.
        return 1, MAX_VERSION
    return bounds["ge"], bounds["le"]


def shown(value: object) -> str:
    """A value as an error quotes it: short, whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _quoted(expected: str) -> list[str]:
    return re.findall(r"'([^']*)'", expected)


def nearest(key: object, allowed: Sequence[str]) -> str:
    """``; did you mean 'x'?`` when one of the allowed words is near, else an empty text."""
    words = {re.sub(r"[^a-z0-9]", "", word.lower()): word for word in allowed}
    close = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", str(key).lower()), list(words), 1, 0.6)
    return f"; did you mean {words[close[0]]!r}?" if close else ""


def _name_problems(name: object) -> Iterator[Problem]:
    if isinstance(name, str) and name.startswith(NAME_PREFIX):
        bare = name.removeprefix(NAME_PREFIX)
        yield Problem("name", f"must not start with {NAME_PREFIX!r}, the platform adds it: use {bare!r}")


def _package_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    tag = values.get("image_tag")
    if tag is None:
        return
    for other in ("code", "runtime", "handler"):
        if values.get(other) is not None:
            yield Problem(other, "does not go with image_tag: an image brings its own code, runtime and handler")
    if isinstance(tag, str) and tag and not _IMAGE_TAG.fullmatch(tag) and len(tag) <= 128:
        yield Problem("image_tag", f"must be an image tag alone (letters, digits, _ . -), not {shown(tag)}")


def _variable_problems(variables: object, is_unknown: Callable[[object], bool]) -> Iterator[Problem]:
    if not isinstance(variables, Mapping):
        return
    for key, value in variables.items():
        path = f"environment_variables.{key}"
        if problem := _variable_name_problem(str(key)):
            yield Problem(path, problem)
        if not is_unknown(value) and not isinstance(value, str):
            yield Problem(path, f"must be a string, not {type(value).__name__}: put it in quotes")
        elif value == "":
            yield Problem(path, "must not be empty: leave the variable out instead")
    texts = [text for pair in variables.items() for text in pair if isinstance(text, str)]
    size = sum(len(text.encode()) for text in texts)
    if size + STAMP_BYTES > VARIABLES_BYTES:
        yield Problem(
            "environment_variables",
            f"must be at most {VARIABLES_BYTES - STAMP_BYTES} bytes in all (AWS Lambda's {VARIABLES_BYTES}"
            f" less this provider's stamp), not {size}",
        )


def _variable_name_problem(name: str) -> str | None:
    for prefix, owner in _RESERVED_PREFIXES.items():
        if name.startswith(prefix):
            return f"the prefix {prefix} is reserved by {owner}: rename the variable"
    if name == STAMP_VARIABLE:
        return "is where this provider keeps its stamp: rename the variable"
    if not _VARIABLE_NAME.fullmatch(name):
        return "must be a letter, then letters, digits and _, two characters or more (AWS Lambda)"
    return None


def _get(value: Mapping[str, Any], key: str) -> Any:
    head, *rest = key.split("_")
    return value.get(key, value.get(head + "".join(part.title() for part in rest)))


def _subscription_problems(subscriptions: object) -> Iterator[Problem]:
    if not isinstance(subscriptions, Mapping):
        return
    interceptions = _get(subscriptions, "interceptions")
    seen: dict[tuple[object, ...], str] = {}
    for path, item in _items(interceptions, "subscriptions.interceptions"):
        kind, api_id, entity = item.get("type"), _get(item, "api_id"), _get(item, "entity_type_name")
        if kind in ("PRE_REQUEST", "POST_REQUEST"):
            if api_id is None:
                yield Problem(f"{path}.api_id", f"is required for {kind}, such as POST/organization/v1/users/patients")
            elif isinstance(api_id, str) and api_id and not API_ID.fullmatch(api_id):
                yield Problem(
                    f"{path}.api_id",
                    f"must be a method and a path, such as POST/organization/v1/users/patients, not {shown(api_id)}",
                )
            yield from _twice(seen, (kind, api_id), path)
        elif kind == "ADAPT_ENTITY":
            if api_id is not None:
                yield Problem(f"{path}.api_id", "must be left out for ADAPT_ENTITY: name the entity_type_name")
            if entity is None:
                yield Problem(f"{path}.entity_type_name", "is required for ADAPT_ENTITY")
            yield from _twice(seen, (kind, entity), path)
    seen = {}
    for path, item in _items(_get(subscriptions, "notifications"), "subscriptions.notifications"):
        parts = tuple(_get(item, key) for key in ("entity_type_name", "action_name", "template_name"))
        yield from _twice(seen, parts, path)


def _items(value: object, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield f"{path}[{index}]", item


def _twice(seen: dict[tuple[object, ...], str], key: tuple[object, ...], path: str) -> Iterator[Problem]:
    if not all(part is None or isinstance(part, str) for part in key):
        return
    if key in seen:
        yield Problem(path, f"is the same subscription as {seen[key]}: leave one out")
    seen.setdefault(key, path)


def _schedule_problems(schedule: object) -> Iterator[Problem]:
    if isinstance(schedule, str) and len(schedule) <= 250:
        problem = schedule_problem(schedule)
        if problem:
            yield Problem("cron_schedule", problem)
