"""Rules about the arguments of a plugin that can be checked without the platform.

All problems are returned at once, each with the path of its property. Unknown values are skipped: the same rules run
again when they are known. No text here quotes the value of an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from biot_provider.api.models.plugins import NAME_PREFIX
from biot_provider.hooks.api_ids import API_ID
from biot_provider.lifecycle.problems import SKIPPED, IsUnknown, Problem, by_path, in_path, shown
from biot_provider.lifecycle.validation import Arguments
from biot_provider.plugin.aws_lambda import RESERVED_VARIABLES
from biot_provider.plugin.model import PluginInputs
from biot_provider.plugin.schedule import schedule_problem
from biot_provider.plugin.stamp import STAMP_BYTES, STAMP_VARIABLE, VARIABLES_BYTES

_RESERVED_PREFIX = "BIOT_"
_VARIABLE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")

_IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_VARIABLES = "environment_variables"
_ARGUMENTS = Arguments(PluginInputs, ruled={_VARIABLES})


Naming = Callable[[str, str], str]
"""Returns the name of another argument in a problem's text, given that argument and the problem's path."""


def plugin_problems(
    values: Mapping[str, Any],
    is_unknown: IsUnknown,
    naming: Naming = lambda argument, _path: argument,
) -> list[Problem]:
    """Return every problem of a plugin's arguments, in the order of their paths."""
    values, problems = _ARGUMENTS.examined(values, is_unknown)
    return by_path(
        [
            *problems,
            *_name_problems(values.get("name")),
            *_package_problems(values, naming),
            *_build_problems(values, naming),
            *_variable_problems(values.get(_VARIABLES)),
            *_subscription_problems(values.get("subscriptions"), naming),
            *_schedule_problems(values.get("cron_schedule")),
        ]
    )


def _name_problems(name: object) -> Iterator[Problem]:
    if isinstance(name, str) and name.startswith(NAME_PREFIX):
        bare = name.removeprefix(NAME_PREFIX)
        yield Problem("name", f"must not start with {NAME_PREFIX!r}, the platform adds it: use {bare!r}", "BIOT-2101")


def _package_problems(values: Mapping[str, Any], naming: Naming) -> Iterator[Problem]:
    tag = values.get("image_tag")
    if tag is None:
        return
    for other in ("code", "build", "runtime", "handler"):
        if values.get(other) is not None:
            image_tag = naming("image_tag", other)
            yield Problem(
                other, f"does not go with {image_tag}: an image brings its own code, runtime and handler", "BIOT-2105"
            )
    if isinstance(tag, str) and tag and not _IMAGE_TAG.fullmatch(tag) and len(tag) <= 128:
        yield Problem(
            "image_tag", f"must be an image tag alone (letters, digits, _ . -), not {shown(tag)}", "BIOT-2102"
        )


def _build_problems(values: Mapping[str, Any], naming: Naming) -> Iterator[Problem]:
    build = values.get("build")
    if build is None or values.get("image_tag") is not None:
        return
    if values.get("code") is None:
        yield Problem("build", f"needs {naming('code', 'build')}: the folder of the sources", "BIOT-2103")
    if not isinstance(build, Mapping):
        return
    for name in ("output", "inputs"):
        if build.get(name) is not None and build.get("command") is None:
            yield Problem(
                f"build.{name}", "goes with a command alone: dependencies are installed beside the sources", "BIOT-2103"
            )
    output = build.get("output")
    if isinstance(output, str) and (
        output.startswith(("/", "~")) or ".." in re.split(r"[/\\]", output) or "\\" in output
    ):
        yield Problem("build.output", f"must be a path within code, such as dist, not {shown(output)}", "BIOT-2104")


def _variable_problems(variables: object) -> Iterator[Problem]:
    if not isinstance(variables, Mapping):
        return
    for key, value in variables.items():
        path = f"{_VARIABLES}.{in_path(key)}"
        if problem := _variable_name_problem(key):
            yield Problem(path, problem, "BIOT-2110")
        if value is SKIPPED:
            continue
        if not isinstance(value, str):
            yield Problem(path, f"must be a string, not {type(value).__name__}: put it in quotes", "BIOT-2110")
        elif not value:
            yield Problem(path, "must not be empty: leave the variable out instead", "BIOT-2110")
    texts = [text for pair in variables.items() for text in pair if isinstance(text, str)]
    size = sum(len(text.encode()) for text in texts)
    if size + STAMP_BYTES > VARIABLES_BYTES:
        yield Problem(
            _VARIABLES,
            f"must be at most {VARIABLES_BYTES - STAMP_BYTES} bytes in all (AWS Lambda's {VARIABLES_BYTES}"
            f" less this provider's stamp), not {size}",
            "BIOT-2113",
        )


def _variable_name_problem(name: str) -> str | None:
    if name.startswith(_RESERVED_PREFIX):
        return f"the prefix {_RESERVED_PREFIX} is reserved by BioT: rename the variable"
    if name in RESERVED_VARIABLES:
        return "is a variable that AWS Lambda sets itself: rename the variable"
    if name == STAMP_VARIABLE:
        return "is where this provider keeps its stamp: rename the variable"
    if not _VARIABLE_NAME.fullmatch(name):
        return "must be a letter, then letters, digits and _, two characters or more (AWS Lambda)"
    return None


def _get(value: Mapping[str, Any], key: str) -> Any:
    return value.get(key, value.get(to_camel(key)))


def _subscription_problems(subscriptions: object, naming: Naming) -> Iterator[Problem]:
    if not isinstance(subscriptions, Mapping):
        return
    interceptions = _get(subscriptions, "interceptions")
    seen: dict[tuple[object, ...], str] = {}
    for path, item in _items(interceptions, "subscriptions.interceptions"):
        kind, api_id, entity = item.get("type"), _get(item, "api_id"), _get(item, "entity_type_name")
        if kind in ("PRE_REQUEST", "POST_REQUEST"):
            if api_id is None:
                yield Problem(
                    f"{path}.api_id",
                    f"is required for {kind}, such as POST/organization/v1/users/patients",
                    "BIOT-2120",
                )
            elif isinstance(api_id, str) and api_id and not API_ID.fullmatch(api_id):
                yield Problem(
                    f"{path}.api_id",
                    f"must be a method and a path, such as POST/organization/v1/users/patients, not {shown(api_id)}",
                    "BIOT-2120",
                )
            yield from _twice(seen, (kind, api_id), path)
        elif kind == "ADAPT_ENTITY":
            if api_id is not None:
                entity_type_name = naming("entity_type_name", path)
                yield Problem(
                    f"{path}.api_id", f"must be left out for ADAPT_ENTITY: name the {entity_type_name}", "BIOT-2120"
                )
            if entity is None:
                yield Problem(f"{path}.entity_type_name", "is required for ADAPT_ENTITY", "BIOT-2123")
            yield from _twice(seen, (kind, entity), path)
    seen = {}
    for path, item in _items(_get(subscriptions, "notifications"), "subscriptions.notifications"):
        parts = tuple(_get(item, key) for key in ("entity_type_name", "action_name", "template_name"))
        yield from _twice(seen, parts, path)


def _items(value: object, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield f"{path}[{index}]", item


def _twice(seen: dict[tuple[object, ...], str], key: tuple[object, ...], path: str) -> Iterator[Problem]:
    if not all(part is None or isinstance(part, str) for part in key):
        return
    if key in seen:
        yield Problem(path, f"is the same subscription as {seen[key]}: leave one out", "BIOT-2124")
    seen.setdefault(key, path)


def _schedule_problems(schedule: object) -> Iterator[Problem]:
    if isinstance(schedule, str) and len(schedule) <= 250:
        problem = schedule_problem(schedule)
        if problem:
            yield Problem("cron_schedule", problem, "BIOT-2130")
