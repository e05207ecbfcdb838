"""The paths of a diff, which the engine prints: nested paths, each added, deleted, changed, or replacing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pulumi.runtime.proto.provider_pb2 import PropertyDiff

from biot_provider.lifecycle.paths import differences


def detailed_diff(
    old: Mapping[str, Any], new: Mapping[str, Any], changed: Collection[str], replaces: Collection[str]
) -> dict[str, PropertyDiff]:
    """Return the paths at which old and new inputs differ, within the changed properties.

    If the inputs are equal, because somebody changed the platform, the path is the property itself.
    """
    found = {
        path: PropertyDiff(kind=_kind(before, after, replaces=name in replaces), inputDiff=True)
        for name in sorted(changed)
        for path, before, after in differences(name, old.get(name), new.get(name))
    }
    given = [name for name in sorted(changed) if old.get(name) is not None or new.get(name) is not None]
    return found or {name: PropertyDiff(kind=_kind(True, True, replaces=name in replaces)) for name in given}


def _kind(before: Any, after: Any, *, replaces: bool) -> PropertyDiff.Kind.ValueType:
    if before is None:
        return PropertyDiff.ADD_REPLACE if replaces else PropertyDiff.ADD
    if after is None:
        return PropertyDiff.DELETE_REPLACE if replaces else PropertyDiff.DELETE
    return PropertyDiff.UPDATE_REPLACE if replaces else PropertyDiff.UPDATE
