"""The paths at which two versions of a resource's properties differ, in the engine's notation."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def changed_paths(old: Mapping[str, Any], new: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Each of these properties, and the parts of it that differ, sorted."""
    return sorted({path for name in names for path in (name, *_differing(name, old.get(name), new.get(name)))})


def _differing(path: str, old: Any, new: Any) -> Iterator[str]:
    """The paths, in the engine's notation, at which two values differ."""
    if all(isinstance(value, Mapping | None) for value in (old, new)):
        old, new = old or {}, new or {}
        for key in sorted(old.keys() | new.keys()):
            below = f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]'
            yield from _differing(below, old.get(key), new.get(key))
    elif all(isinstance(value, list | None) for value in (old, new)):
        for index, (before, after) in enumerate(itertools.zip_longest(old or [], new or [])):
            yield from _differing(f"{path}[{index}]", before, after)
    elif old != new:
        yield path
