"""What a program ignores the changes of, taken from the state.

The engine takes it from the inputs of before, by the path that the option names. A state that another adapter has made
has other names: there the engine finds nothing, and takes the program's value out, as if there had been none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

_PART = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')


def with_ignored(new: Mapping[str, Any], declared: Mapping[str, Any], paths: Collection[str]) -> dict[str, Any]:
    """The new inputs, at these paths as the state would be declared; what that has not is as it is."""
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
