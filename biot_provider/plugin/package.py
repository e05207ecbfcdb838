"""The package of a plugin: the files of its code, or the result of a build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biot_provider.errors import PackagingError
from biot_provider.package.package import Package, reread_package
from biot_provider.plugin.model import AUTO_BUILD, DEFAULT_RUNTIME, PluginState
from biot_provider.recipe.recipe import AUTO, Recipe


def recipe_of(code: Any, build: Any, runtime: Any) -> Recipe | None:
    """Return the recipe for these arguments, before or after their check; None if nothing is built."""
    given = AUTO_BUILD.opened(build)
    if not isinstance(given, Mapping):
        return None
    return Recipe(
        folder=Path(code).absolute(),
        runtime=str(runtime or DEFAULT_RUNTIME),
        dependencies=given.get("dependencies") or AUTO,
        command=given.get("command"),
        output=given.get("output"),
        inputs=tuple(given.get("inputs") or ()),
    )


def deployed_package(wanted: PluginState) -> Package:
    """Return the package of a plugin with code. Raises PackagingError if it differs from the declared one."""
    build = None if wanted.build is None else wanted.build.model_dump()
    recipe = recipe_of(wanted.code, build, wanted.runtime)
    if recipe is None:
        package = reread_package(Path(str(wanted.code)))
        digest = package.digest
    else:
        from biot_provider.recipe.build import build_package
        from biot_provider.recipe.sources import read_sources

        sources = read_sources(recipe)
        digest = sources.digest
        package = build_package(sources) if digest == wanted.code_digest else sources.files
    if digest != wanted.code_digest:
        place = package.source
        raise PackagingError(
            f"code: {place} changed after the preview looked at it: run `pulumi up` again", "BIOT-3007"
        )
    return package
