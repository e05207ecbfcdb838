"""The lines of a Python program that declare what was taken over, each secret from the stack's configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from biot_provider.cli.takeover.kinds import Existing
from biot_provider.cli.takeover.target import Parent
from biot_provider.lifecycle.codec import Secret

_WIDTH = 120
_INDENT = "    "


def program_text(resources: Iterable[Existing], parent: Parent | None = None) -> str:
    """Return the program; with a parent, its variable is to be put where the comment says."""
    calls = [_declaration(resource, parent) for resource in resources]
    text = "\n".join(calls)
    head = "import pulumi\n\n" if "pulumi." in text or "config." in text else ""
    config = "config = pulumi.Config()\n" if "config." in text else ""
    return f"{head}import biot_provider as biot\n\n{config}{text}"


def secret_values(resource: Existing) -> Iterator[tuple[str, str]]:
    """Yield the configuration key of each secret that the program asks for, and its value."""
    for argument, value in resource.arguments().items():
        for key, secret in value.items() if isinstance(value, Mapping) else [("", value)]:
            if isinstance(secret, Secret):
                yield _config_key(resource, argument, key), str(secret.value)


def declares(text: str, resource: Existing) -> bool:
    """Return whether a program that was written here declares the resource."""
    return (
        re.search(rf"^biot\.{resource.kind.word}\(\s*{re.escape(_text(resource.name))}", text, re.MULTILINE) is not None
    )


def _config_key(resource: Existing, argument: str, key: str) -> str:
    return f"{resource.name}-{key or argument}"


def _declaration(resource: Existing, parent: Parent | None) -> str:
    arguments = {name: _named(resource, name, value) for name, value in resource.arguments().items()}
    if parent:
        arguments["opts"] = _Code(f"pulumi.ResourceOptions(parent=...)  # {parent.name}")
    return _call(f"biot.{resource.kind.word}", resource.name, arguments)


class _Code(str):
    """An expression, which is written as it is."""


def _named(resource: Existing, argument: str, value: Any) -> Any:
    def from_config(key: str) -> _Code:
        return _Code(f"config.require_secret({_text(_config_key(resource, argument, key))})")

    if isinstance(value, Secret):
        return from_config("")
    if isinstance(value, Mapping):
        return {key: from_config(key) if isinstance(item, Secret) else item for key, item in value.items()}
    return value


def _call(function: str, name: str, arguments: Mapping[str, Any]) -> str:
    line = ", ".join([_text(name), *(f"{key}={_line(value)}" for key, value in arguments.items())])
    has_comment = any(isinstance(value, _Code) and "  # " in value for value in arguments.values())
    if len(function) + len(line) + 2 <= _WIDTH and not has_comment:
        return f"{function}({line})\n"
    lines = [f"{_text(name)},"]
    for key, value in arguments.items():
        text = f"{key}={_block(value, 1, len(key) + 1)}"
        lines.append(_with_comma(text) if isinstance(value, _Code) else f"{text},")
    return f"{function}(\n" + "".join(f"{_INDENT}{line}\n" for line in lines) + ")\n"


def _with_comma(line: str) -> str:
    code, hash_, comment = line.partition("  # ")
    return f"{code},{hash_}{comment}"


def _block(value: Any, depth: int, used: int) -> str:
    """Return the value, over several lines where it is too long for one."""
    line = _line(value)
    if isinstance(value, _Code) or not isinstance(value, Mapping | list) or not value:
        return line
    if len(_INDENT) * depth + used + len(line) + 1 <= _WIDTH:
        return line
    inside = _INDENT * (depth + 1)
    if isinstance(value, Mapping):
        items = [f"{_text(k)}: {_block(v, depth + 1, len(_text(k)) + 2)}" for k, v in value.items()]
        opening, closing = "{", "}"
    else:
        items = [_block(item, depth + 1, 0) for item in value]
        opening, closing = "[", "]"
    return opening + "\n" + "".join(f"{inside}{item},\n" for item in items) + _INDENT * depth + closing


def _line(value: Any) -> str:
    if isinstance(value, _Code):
        return value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {_line(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_line, value)) + "]"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """Return a text as Python writes it, in double quotes; what a terminal would interpret is escaped."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)
