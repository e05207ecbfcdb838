"""What is wrong with the arguments of an image, as far as it shows on this machine; all problems at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from biot_provider.image_models import MAX_NAME, PluginImageInputs
from biot_provider.rules import WRONG_TYPE, Problem, nearest, shown

_WITH_CONTEXT = ("dockerfile", "target", "build_args", "builder")
_WITH_CODE = ("base_image", "handler")
_BUILD_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEPT_NAMES = frozenset({"PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG"})


def image_problems(
    values: Mapping[str, Any], is_unknown: Callable[[object], bool], base_image_problem: Callable[[str], str | None]
) -> list[Problem]:
    """Every problem of an image's arguments, in the order of their paths."""
    found = [
        *_model_problems(values, is_unknown),
        *_way_problems(values),
        *_argument_problems(values.get("build_args")),
    ]
    base = values.get("base_image")
    if isinstance(base, str) and base and (problem := base_image_problem(base)):
        found.append(Problem("base_image", f"{shown(base)} is no image: {problem}"))
    return sorted(found, key=lambda problem: problem.path)


def _model_problems(values: Mapping[str, Any], is_unknown: Callable[[object], bool]) -> Iterator[Problem]:
    try:
        PluginImageInputs.model_validate(values)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            if not is_unknown(found["input"]):
                yield Problem(".".join(str(part) for part in found["loc"]), _text(found))


def _text(found: Mapping[str, Any]) -> str:
    kind, given, context = found["type"], found["input"], found.get("ctx", {})
    if kind == "extra_forbidden":
        known = set(PluginImageInputs.model_fields) - {"owner", "context_digest", "context_files", "image_tag"}
        return "unknown argument" + nearest(found["loc"][0], sorted(known))
    if kind == "literal_error":
        builders = re.findall(r"'([^']*)'", context["expected"])
        return f"must be {context['expected']}, not {shown(given)}{nearest(given, builders)}"
    if kind == "string_pattern_mismatch":
        return f"must begin a tag: letters, digits, '_', '.' and '-', not first '.' or '-', not {shown(given)}"
    if kind == "string_too_long" and found["loc"][0] == "name":
        return f"must be at most {MAX_NAME} characters, since the tag adds 33 to it, not {len(given)}"
    if kind == "string_too_long":
        return f"must be at most {context['max_length']} characters, not {len(given)}"
    if kind in WRONG_TYPE:
        # A build argument may be a secret.
        return f"must be {WRONG_TYPE[kind]}" + ("" if found["loc"][0] == "build_args" else f", not {shown(given)}")
    return {"missing": "is required", "string_too_short": "must not be empty"}.get(kind, str(found["msg"]))


def _way_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Either a folder with a Dockerfile, or a base image and code."""
    context, code = values.get("context"), values.get("code")
    if context is not None and code is not None:
        yield Problem("code", "excludes context: an image is built from a Dockerfile, or is a base image and code")
        return
    if context is None and code is None:
        yield Problem(
            "context", "is required: a folder with a Dockerfile; or give code and base_image, which need no builder"
        )
        return
    given, other = ("context", _WITH_CODE) if context is not None else ("code", _WITH_CONTEXT)
    for name in other:
        if values.get(name) not in (None, {}):
            yield Problem(name, f"does not go with {given}")
    if code is not None and values.get("base_image") is None:
        yield Problem("base_image", "is required with code, such as public.ecr.aws/lambda/python:3.13")


def _argument_problems(arguments: object) -> Iterator[Problem]:
    for name in arguments if isinstance(arguments, Mapping) else ():
        if not _BUILD_ARGUMENT.fullmatch(str(name)) or name in _KEPT_NAMES:
            yield Problem(
                f"build_args.{name}", "must be a name that a Dockerfile's ARG can have, and none of the builder's own"
            )
