"""Rules about the arguments of an image that can be checked locally."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from biot_provider.image.model import PluginImageInputs
from biot_provider.image.reference import Reference
from biot_provider.lifecycle.problems import IsUnknown, Problem, by_path, in_path, shown
from biot_provider.lifecycle.validation import Arguments

_WITH_CONTEXT = ("dockerfile", "target", "build_args", "secrets", "builder")
_WITH_CODE = ("base_image", "handler")
_BUILD_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ARGUMENTS = Arguments(PluginImageInputs)

_BUILDERS_OWN = re.compile(
    r"PATH|HOME|TMPDIR|TMP|TEMP|BUILDKIT_(HOST|PROGRESS|COLORS)|STORAGE_(DRIVER|OPTS)|REGISTRY_AUTH_FILE"
    r"|SSL_CERT_(FILE|DIR)|SSH_AUTH_SOCK|DBUS_SESSION_BUS_ADDRESS|GODEBUG|GNUPGHOME|LISTEN_(FDS|PID|FDNAMES)"
    r"|NOTIFY_SOCKET|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|USERPROFILE|HOMEDRIVE|HOMEPATH|(LOCAL)?APPDATA|PROGRAM(DATA|FILES)"
    r"|_?(BUILDAH|BUILDX|CONTAINERS?|DOCKER|DYLD|LD|OTEL|PODMAN|XDG)_.*",
    re.IGNORECASE,
)
"""Variables that a builder, or the system's loader, reads for itself.

A builder takes a build argument's value from its environment, where other users cannot see it; proxies,
BUILDKIT_INLINE_CACHE and the like are meant for both.
"""


def image_problems(values: Mapping[str, Any], is_unknown: IsUnknown) -> list[Problem]:
    """Return every problem of an image's arguments, in the order of their paths."""
    values, found = _ARGUMENTS.examined(values, is_unknown)
    found += [
        *_way_problems(values),
        *_argument_problems(values.get("build_args")),
        *_secret_problems(values.get("secrets")),
    ]
    base = values.get("base_image")
    if isinstance(base, str) and base and (problem := _base_image_problem(base)):
        # The part before an @ may be a password.
        given = "what is given" if "@" in base.replace("@sha256:", "") else shown(base)
        found.append(Problem("base_image", f"{given} is no image: {problem}", "BIOT-2209"))
    return by_path(found)


def _base_image_problem(text: str) -> str | None:
    try:
        Reference.parse(text)
    except ValueError as error:
        return str(error)
    return None


def _way_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Check that there is either a folder with a Dockerfile, or a base image and code."""
    context, code = values.get("context"), values.get("code")
    if context is not None and code is not None:
        yield Problem(
            "code", "excludes context: an image is built from a Dockerfile, or is a base image and code", "BIOT-2201"
        )
        return
    if context is None and code is None:
        yield Problem(
            "context",
            "is required: a folder with a Dockerfile; or give code and base_image, which need no builder",
            "BIOT-2201",
        )
        return
    given, other = ("context", _WITH_CODE) if context is not None else ("code", _WITH_CONTEXT)
    for name in other:
        if values.get(name) not in (None, {}):
            yield Problem(name, f"does not go with {given}", "BIOT-2201")
    if code is not None and values.get("base_image") is None:
        yield Problem("base_image", "is required with code, such as public.ecr.aws/lambda/python:3.13", "BIOT-2201")


def _argument_problems(arguments: object) -> Iterator[Problem]:
    for name in arguments if isinstance(arguments, Mapping) else ():
        path = f"build_args.{in_path(name)}"
        if not _BUILD_ARGUMENT.fullmatch(name):
            yield Problem(path, "must be a name that a Dockerfile's ARG can have: letters, digits and _", "BIOT-2205")
        elif _BUILDERS_OWN.fullmatch(name):
            yield Problem(
                path, "steers the builder itself, in whose environment it would be: rename the ARG", "BIOT-2205"
            )


def _secret_problems(secrets: object) -> Iterator[Problem]:
    for name, value in secrets.items() if isinstance(secrets, Mapping) else ():
        path = f"secrets.{in_path(name)}"
        if not _SECRET_ID.fullmatch(name):
            yield Problem(
                path, "must be an id that RUN --mount=type=secret can have: letters, digits, _ . -", "BIOT-2205"
            )
        if value == "":
            yield Problem(path, "must not be empty: leave it out instead", "BIOT-2205")
