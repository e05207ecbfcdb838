"""What a stack's configuration says of plugins, each value as it is written or known not to be.

Pulumi reads its YAML with other rules than a plugin.yaml has, and hands over JSON of what it has understood:
``012345670123`` arrives as 1402433619, ``1.10`` as 1.1, ``2024-01-01`` as ``2024-01-01 00:00:00 +0000 UTC``, ``~`` as
null; and each ``pulumi config set`` writes the file anew with those values. So a value without quotes is its text only
where the file has the very text that Pulumi makes of it, such as ``8080``; every other one is :class:`Unwritten`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biot_provider.errors import InputError
from biot_provider.yaml_file import Plain, read_written

# What becomes of a date in the stack's file, and in Pulumi.yaml: a text, though another one.
_TIME_OF_STACK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [-+]\d{4} \S+")
_TIME_OF_PROJECT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?")
_OTHER_NULLS = ("~", "Null", "NULL")
_WORDS = {True: "true", False: "false", None: "null"}


class Unwritten(Plain):
    """What Pulumi has made of a scalar without quotes, whose own text is not known."""


def read_overrides(text: str, project: Path, stack: str, key: str) -> Any:
    """The value of a configuration key, which Pulumi hands over as this JSON, with the text of its scalars.

    ``project`` is the folder of Pulumi.yaml. Raises InputError when the text is not JSON or has a key twice.
    """
    in_file = _in_files(project, stack, key)
    if isinstance(in_file, str) or _is_encrypted(in_file):
        return _as_json(_parse(text))  # All of it is one text, which the user has written.
    return _compared(_parse(text), in_file)


def overrides_in_files(project: Path, stack: str, key: str) -> Any:
    """The value of a configuration key as the project's files have it, without Pulumi; empty where it is encrypted.

    Raises InputError when it is not JSON or has a key twice.
    """
    in_file = _in_files(project, stack, key)
    if in_file is None or _is_encrypted(in_file):
        return {}
    return _as_json(_parse(in_file)) if isinstance(in_file, str) else in_file


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=Plain, parse_float=Plain, parse_constant=Plain)
    except (ValueError, RecursionError):
        raise InputError("must be a map of plugin names") from None


def _is_encrypted(in_file: Any) -> bool:
    return isinstance(in_file, Mapping) and set(in_file) == {"secure"}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"the key {twice!r} is given twice: leave one out")
    return value


def _in_files(project: Path, stack: str, key: str) -> Any:
    """The key's value in the stack's file or, for all stacks, in Pulumi.yaml; None when neither has it.

    It only serves to recognise a value: it may come from somewhere else, such as ``--config-file`` or Pulumi ESC.
    """
    for suffix in (".yaml", ".yml"):
        content = _map(project / f"Pulumi{suffix}")
        in_stack = _map(project / str(content.get("stackConfigDir") or "") / f"Pulumi.{stack}{suffix}")
        for name in (key, key.partition(":")[2]):
            if name in _member(in_stack, "config"):
                return in_stack["config"][name]
            if described := _member(_member(content, "config"), name):
                return described.get("value", described.get("default"))
    return None


def _member(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    member = content.get(key)
    return member if isinstance(member, Mapping) else {}


def _map(file: Path) -> Mapping[str, Any]:
    try:
        content = read_written(file, str(file))
    except InputError:
        return {}
    return content if isinstance(content, Mapping) else {}


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_json(member) for member in value]
    return value if isinstance(value, str) else Plain(_WORDS[value])


def _compared(value: Any, in_file: Any) -> Any:
    """The value that Pulumi hands over, its scalars as far as they are known to be written so."""
    if isinstance(value, dict):
        members: Mapping[str, Any] = in_file if isinstance(in_file, Mapping) else {}
        return {key: _compared(member, members.get(key)) for key, member in value.items()}
    if isinstance(value, list):
        same = isinstance(in_file, list) and len(in_file) == len(value)
        return [_compared(member, other) for member, other in zip(value, in_file if same else value, strict=True)]
    plain = in_file if isinstance(in_file, Plain) else None
    if isinstance(value, str) and not isinstance(value, Plain):
        return Unwritten(value) if _is_time(value, in_file, plain) else value
    if value is None:
        return Unwritten("null") if plain in _OTHER_NULLS else Plain("null")
    text = str(value) if isinstance(value, Plain) else _WORDS[value]
    return Plain(text) if plain == text else Unwritten(text)


def _is_time(text: str, in_file: Any, plain: str | None) -> bool:
    if _TIME_OF_STACK.fullmatch(text):
        return in_file is None or plain is not None
    return bool(plain and plain != text and _DATE.fullmatch(plain) and _TIME_OF_PROJECT.fullmatch(text))
