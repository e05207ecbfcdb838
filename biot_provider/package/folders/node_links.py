"""Checks that a Node.js package still finds its dependencies when it is copied to where a link to it was.

A deployment package contains files and no links: the target of a link is copied to the link's path. Node.js looks for a
dependency from a file's real path upwards (Node.js documentation, modules, loading from node_modules folders). pnpm,
npm's `linked` strategy and Bun's isolated installs rely on that: a package's dependencies lie beside its real path,
where its copy does not look. In an npm workspace the copy finds the same dependencies.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.errors import PackagingError
from biot_provider.package.source_file import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = ("dependencies", "optionalDependencies", "peerDependencies")
_MODULES = "node_modules"
_PNPM_DEPLOY = "pnpm --filter <package> --config.node-linker=hoisted deploy --legacy --prod <folder>"
_STORES = {
    ".pnpm": "`pnpm install --config.node-linker=hoisted`",
    ".store": "npm's --install-strategy=hoisted, or Yarn's nodeLinker: node-modules",
    ".bun": "`bun install --linker hoisted`",
}


def check_dependencies(root: Path, real_root: str, path: str, real: str) -> None:
    """Raise `PackagingError` if the package at `path` finds other dependencies than at its real location `real`.

    `path` is relative to the root; `real` is absolute, and lies below the root's real path.
    """
    real_path = os.path.relpath(real, real_root).replace(os.sep, "/")
    for name in _dependencies(Path(real, "package.json")):
        found = _found(real_root, real_path, name)
        if found is not None and _found(real_root, path, name) != found:
            raise PackagingError(
                f"{root}: {shown(path)} comes from {shown(real_path)} by a link, and its copy would not find the "
                f"dependency {shown(name)}; {_without_links(real_path)}",
                "BIOT-3013",
            )


def as_files(path: str, real: str) -> str | None:
    """Return how to install files in place of the link from `path` to `real`; None if no package manager made it."""
    if _MODULES not in path.split("/"):
        return None
    if ".pnpm" in Path(real).parts:
        return f"deploy the folder that `{_PNPM_DEPLOY}` writes"
    return f"install it as files (`npm install --install-links`, or `{_PNPM_DEPLOY}`)"


def _without_links(path: str) -> str:
    for store, way in _STORES.items():
        if store in path.split("/"):
            return f"install without links ({way})"
    return f"install it as files (`npm install --install-links`, or `{_PNPM_DEPLOY}`)"


def _dependencies(manifest: Path) -> Iterator[str]:
    try:
        content = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError):
        return
    for kind in _KINDS:
        named = content.get(kind) if isinstance(content, dict) else None
        yield from named if isinstance(named, dict) else ()


def _found(root: str, path: str, name: str) -> str | None:
    """Return the real path of the folder that `require(name)` finds from the package at `path`."""
    parts = path.split("/")
    for end in range(len(parts), -1, -1):
        if end and parts[end - 1] == _MODULES:
            continue
        place = os.path.join(root, *parts[:end], _MODULES, name)  # noqa: PTH118  (thousands of them)
        if os.path.isdir(place):  # noqa: PTH112
            return os.path.realpath(place)
    return None
