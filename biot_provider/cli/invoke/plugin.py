"""A plugin in a folder or a .zip, as it would be deployed: its plugin.yaml, and the files that would be packaged."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from biot_provider.cli.errors import WrongUsageError
from biot_provider.errors import InputError, Notice, PackagingError
from biot_provider.package.package import Package, read_package, zipped_size_problem
from biot_provider.plugin.handler.problem import handler_problem
from biot_provider.plugin.manifest.fleet import read_plugin
from biot_provider.plugin.manifest.folders import MANIFEST
from biot_provider.plugin.model import DEFAULT_HANDLER, DEFAULT_RUNTIME, PluginInputs
from biot_provider.plugin.package import recipe_of
from biot_provider.recipe.build import build_package
from biot_provider.recipe.size import built_size_problem
from biot_provider.recipe.sources import read_sources

_UNWATCHED = frozenset({".git", "__pycache__", "node_modules", "site-packages", ".venv", ".biot"})


@dataclass(frozen=True)
class LocalPlugin:
    """A declared plugin, with the defaults that a deployment would use."""

    inputs: PluginInputs
    source: Path
    """The folder or .zip with its code."""
    runtime: str
    handler: str

    @property
    def display_name(self) -> str:
        """The display name, or the name where none is declared."""
        return self.inputs.display_name or self.inputs.name


def read_local_plugin(place: Path, runtime: str | None, handler: str | None) -> LocalPlugin:
    """Read the plugin of a folder or .zip; `runtime` and `handler` override its plugin.yaml.

    Raises InputError or WrongUsageError.
    """
    manifest = place / MANIFEST
    if not place.exists():
        raise InputError(f"{place} does not exist: name a folder with a plugin.yaml, or a .zip", "BIOT-8060")
    if place.name == MANIFEST and place.is_file():
        raise WrongUsageError(f"{place} is the plugin's description: name its folder, {place.parent}", "BIOT-8060")
    if manifest.is_file():
        arguments = read_plugin(manifest)
    elif runtime is None:
        raise WrongUsageError(
            f"{place} has no {MANIFEST}, so say what runs it: --runtime python3.13, for example", "BIOT-8060"
        )
    else:
        arguments = {"name": re.sub(r"[^a-zA-Z0-9_-]", "-", place.absolute().stem)[:57] or "plugin"}
    if arguments.get("image_tag") is not None:
        raise InputError(
            f"{manifest}: a plugin with an imageTag runs as a container, which is not done here", "BIOT-8063"
        )
    inputs = PluginInputs(**arguments)
    return LocalPlugin(
        inputs=inputs,
        source=Path(inputs.code or place),
        runtime=runtime or inputs.runtime or DEFAULT_RUNTIME,
        handler=handler or inputs.handler or DEFAULT_HANDLER,
    )


def stage(plugin: LocalPlugin, folder: Path, show: Callable[[Notice], None]) -> Package:
    """Copy exactly the files that would be deployed into a folder, built where the plugin says how.

    Raises PackagingError when the package is invalid or too large, or lacks the handler's file.
    """
    build = plugin.inputs.build
    recipe = None if build is None else recipe_of(plugin.source, build.model_dump(), plugin.runtime)
    if recipe is None:
        package = read_package(plugin.source)
        problem, code = zipped_size_problem(package), "BIOT-3006"
    else:
        package = build_package(read_sources(recipe), show)
        problem, code = built_size_problem(package), "BIOT-3006"
    if problem is None:
        problem, code = handler_problem(package, plugin.runtime, plugin.handler), "BIOT-2140"
    if problem is not None:
        raise PackagingError(problem, code)
    if package.source.is_dir():
        for file in package.files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package.source / file.path, target)
            target.chmod(0o755 if file.executable else 0o644)
    else:
        from biot_provider.emulator.functions.runtime import unpack

        deployed = io.BytesIO()
        package.write_zip(deployed)
        unpack(deployed.getvalue(), folder)
    return package


def fingerprint(*places: Path) -> dict[str, tuple[int, int]]:
    """Return the time and size of each file in these places, to detect a save. Dependencies are left out."""
    found: dict[str, tuple[int, int]] = {}
    for place in places:
        for folder, folders, files in os.walk(place):
            folders[:] = [name for name in folders if name not in _UNWATCHED]
            for name in files:
                _add(found, Path(folder, name))
        if not place.is_dir():
            _add(found, place)
    return found


def _add(found: dict[str, tuple[int, int]], file: Path) -> None:
    try:
        status = file.stat()
    except OSError:
        # Missing at this moment: an editor is writing it anew.
        return
    found[str(file)] = (status.st_mtime_ns, status.st_size)
