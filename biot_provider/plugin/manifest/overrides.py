"""Reads the overrides for plugins in a stack's configuration, as Pulumi passes them on.

Pulumi reads its YAML by other rules than those of a plugin.yaml, and passes the result on as JSON: ``012345670123``
arrives as 1402433619, ``1.10`` as 1.1, ``True`` as true, ``2024-01-01`` as ``2024-01-01 00:00:00 +0000 UTC``. Reading
the file does not help, since Pulumi writes these values back into it, with each `pulumi config set` and even in a
preview. So a text field accepts only text: in quotes, or without quotes if Pulumi reads it as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from biot_provider.api.models.wide import is_same_moment
from biot_provider.errors import InputError
from biot_provider.plugin.manifest.yaml_file import Plain, read_written

# The text that Pulumi makes from a date in the stack's file, and from a date in Pulumi.yaml.
_STACK_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [-+]\d{4} \S+")
_PROJECT_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?")
_DIGIT = re.compile(r"(?<![.\d])\d(?!\d)")


class Time(str):
    """A text that Pulumi made from a date or time without quotes."""


def read_overrides(text: str, project: Path) -> Any:
    """Return the overrides from the JSON of a configuration key; ``project`` is the folder of Pulumi.yaml.

    Raises InputError if it is not JSON, or has a duplicate key.
    """
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise InputError("must be a map of plugin names", "BIOT-2154") from None
    return _with_times(value, {date for name in ("Pulumi.yaml", "Pulumi.yml") for date in _dates(project / name)})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"the key {twice!r} is given twice: leave one out", "BIOT-2154")
    return value


def _with_times(value: Any, dates: Collection[str]) -> Any:
    """Return the value with each text that was a time marked as ``Time``; ``dates`` are those in Pulumi.yaml."""
    if isinstance(value, dict):
        return {key: _with_times(member, dates) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_times(member, dates) for member in value]
    if not isinstance(value, str):
        return value
    changed = _STACK_TIME.fullmatch(value) or (
        _PROJECT_TIME.fullmatch(value) and any(is_same_moment(value, date) for date in dates)
    )
    return Time(value) if changed else value


def _dates(project_file: Path) -> Iterator[str]:
    """Yield the dates without quotes below the plugins' key in Pulumi.yaml, their months and days with two digits."""
    try:
        project = read_written(project_file, str(project_file))
    except InputError:
        return
    config = project.get("config") if isinstance(project, dict) else None
    for key, written in config.items() if isinstance(config, dict) else ():
        if key in ("plugins", f"{project.get('name')}:plugins"):
            yield from (_DIGIT.sub(r"0\g<0>", plain) for plain in _plain(written) if _DATE.fullmatch(plain))


def _plain(written: Any) -> Iterator[str]:
    """Yield every unquoted scalar in the value."""
    if isinstance(written, (dict, list)):
        for member in written.values() if isinstance(written, dict) else written:
            yield from _plain(member)
    elif isinstance(written, Plain):
        yield written
