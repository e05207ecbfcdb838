"""The versions of distributions among the digests of a package's files, and their changes."""

from __future__ import annotations

from collections.abc import Mapping

VERSION_MARK = "#"
"""Separates a lock file's name from a distribution's, in the keys of ``Sources.file_digests`` for versions."""


def changed_versions(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return ``requests 2.32.3 => 2.32.4`` for each distribution with different versions in two ``file_digests``."""
    before, after = _versions(old), _versions(new)
    lines = []
    for name in sorted(before.keys() | after.keys()):
        if name and before.get(name) != after.get(name):
            was, will = before.get(name), after.get(name)
            if was is None:
                lines.append(f"{name} {will} (new)")
            else:
                lines.append(f"{name} {was} => {will}" if will else f"{name} {was} (gone)")
    return lines


def _versions(digests: Mapping[str, str]) -> dict[str, str]:
    return {key.partition(VERSION_MARK)[2]: value for key, value in digests.items() if VERSION_MARK in key}
