"""Paths of properties in the engine's notation: where two versions differ, and which changes a program ignores."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

_PART = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')


def changed_paths(old: Mapping[str, Any], new: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return each of these properties with its differing parts, sorted."""
    return sorted(
        {path for name in names for path in (name, *(p for p, _, _ in differences(name, old.get(name), new.get(name))))}
    )


def differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the paths at which two values differ, with the value before and after; None if it is absent."""
    if all(isinstance(value, Mapping | None) for value in (old, new)):
        old, new = old or {}, new or {}
        for key in sorted(old.keys() | new.keys()):
            below = f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]'
            yield from differences(below, old.get(key), new.get(key))
    elif all(isinstance(value, list | None) for value in (old, new)):
        for index, (before, after) in enumerate(itertools.zip_longest(old or [], new or [])):
            yield from differences(f"{path}[{index}]", before, after)
    elif old != new:
        yield path, old, new


def with_ignored(new: Mapping[str, Any], declared: Mapping[str, Any], paths: Collection[str]) -> dict[str, Any]:
    """Return the new inputs, with values from the state at the paths in the option `ignore_changes`.

    The engine itself takes these values from the former inputs. But a state from another adapter has other names: there
    the engine finds nothing, and removes the program's value. Values that are missing in the state too stay as they
    are.
    """
    kept: dict[str, Any] = dict(new)
    for path in paths:
        parts = [name or index or quoted for name, index, quoted in _PART.findall(path)]
        kept = _with(kept, declared, parts)
    return kept


def _with(new: Any, declared: Any, parts: Sequence[str]) -> Any:
    if not parts:
        return declared
    if isinstance(declared, Mapping):
        names = declared.keys() if parts[0] == "*" else declared.keys() & {parts[0]}
        inside = new if isinstance(new, Mapping) else {}
        return {**inside, **{name: _with(inside.get(name), declared[name], parts[1:]) for name in names}}
    if isinstance(declared, list) and isinstance(new, list) and len(new) == len(declared):
        return [
            _with(item, was, parts[1:]) if parts[0] in ("*", str(at)) else item
            for at, (item, was) in enumerate(zip(new, declared, strict=True))
        ]
    return new
