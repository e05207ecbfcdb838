"""The packages of a lock file of Node.js that are folders or files of this machine, which no registry has.

What they hold is not in the lock file: two installations of the same lock file may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from biot_provider.errors import PackagingError
from biot_provider.recipe.lock_files import NPM, LockFile, npm_packages, pnpm_content

_OF_LAMBDA = ("dependencies", "optionalDependencies")


def local_packages(lock: LockFile, *, with_dev: bool) -> list[str]:
    """Return their names, sorted; those for development too on request.

    A lock file that its tool cannot read has none: the tool says so.
    """
    try:
        return sorted(set((_of_npm if lock.kind == NPM else _of_pnpm)(lock, with_dev)))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, PackagingError):
        return []


def refuse_local(lock: LockFile) -> None:
    """Raise PackagingError where AWS Lambda needs one: it is not installed there."""
    if names := local_packages(lock, with_dev=False):
        raise PackagingError(
            f"{lock.place}: {lock.name}: {', '.join(names[:3])} is no package of a registry, and nothing else is"
            " installed: publish it there, or have a command bundle it into its output",
            "BIOT-3141",
        )


def _of_npm(lock: LockFile, with_dev: bool) -> Iterator[str]:
    for path, package in npm_packages(lock, with_dev=with_dev):
        address = str(package.get("resolved") or package.get("version"))
        if package.get("link") or address.startswith("file:"):
            yield path.rpartition("node_modules/")[2]


def _of_pnpm(lock: LockFile, with_dev: bool) -> Iterator[str]:
    content = pnpm_content(lock)
    project = content.get("importers", {}).get(".") or content
    for kind in (*_OF_LAMBDA, *(["devDependencies"] if with_dev else [])):
        for name, package in (project.get(kind) or {}).items():
            version = package["version"] if isinstance(package, Mapping) else package
            if str(version).startswith(("link:", "file:")):
                yield name
