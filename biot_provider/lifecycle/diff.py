"""The paths at which two versions of a resource's properties differ, in the engine's notation."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def changed_paths(old: Mapping[str, Any], new: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Each of these properties, and the parts of it that differ, sorted."""
    return sorted(
        {path for name in names for path in (name, *(p for p, _, _ in differences(name, old.get(name), new.get(name))))}
    )


def differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """The paths at which two values differ, with the value before and after; None where there is none."""
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
