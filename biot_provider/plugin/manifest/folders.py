"""Finds the plugins of a folder: ``<folder>/<name>/plugin.yaml``, and files that may be meant as a plugin.yaml.

The next `pulumi up` would delete a plugin that is overlooked. So a file that looks like a plugin.yaml under another
name or in a deeper folder, or that cannot be read, is an error that names it.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from biot_provider.errors import InputError, coded
from biot_provider.plugin.manifest.yaml_file import read_written

MANIFEST = "plugin.yaml"

_UNREADABLE, _NO_PLUGIN, _MISPLACED, _DISGUISE = "BIOT-2152", "BIOT-2157", "BIOT-2158", "BIOT-2158"
"""Codes of messages."""
_SPELLINGS = frozenset({MANIFEST, "plugin.yml"})
_PLUGIN_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_YAML_OR_JSON = re.compile(r"ya?ml|json")
_DISGUISED = re.compile(r"[\W_]*plugins?[\W_]*(ya?ml|json)([\W_].*)?")
"""`plugin.json`, `plugins.yaml`, `plugin.yaml.txt`, `plugin.yaml~`, `_plugin.yaml`."""
NO_PLACE_FOR_PLUGINS = frozenset(
    {"node_modules", "site-packages", "__pycache__", ".git", ".venv", "venv", ".biot", ".pulumi"}
)
"""Folders of other tools, which are not searched for a plugin.yaml."""


def find_manifests(folder: Path, keys: Collection[str], problems: list[str]) -> list[Path]:
    """Return each plugin.yaml of the folder, by name; add a problem for each file that may be meant as one.

    ``keys`` are the possible keys of a plugin.yaml. A missing folder, or one without a plugin, is a problem too.
    """
    shown = folder.absolute()
    try:
        entries = sorted(folder.iterdir())
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        why = "does not exist" if missing else f"cannot be read ({getattr(error, 'strerror', None) or error})"
        problems.append(
            coded(f"plugins: the folder {str(shown)!r} {why}: create {shown}/<name>/{MANIFEST}", _NO_PLUGIN)
        )
        return []
    manifests: list[Path] = []
    before = len(problems)
    for entry in entries:
        try:
            names = [inner.name for inner in entry.iterdir()] if stat.S_ISDIR(entry.stat().st_mode) else None
        except OSError as error:  # a broken link, for example
            if _PLUGIN_NAME.fullmatch(entry.name):
                problems.append(coded(f"{entry.absolute()}: cannot be read: {error.strerror}", _UNREADABLE))
            continue
        if names is None:
            problems += _file_problems(entry)
        elif entry.name not in NO_PLACE_FOR_PLUGINS:
            problems += _folder_problems(entry, names)
            if MANIFEST in names:
                manifests.append(entry / MANIFEST)
                problems += _problems_within(entry, keys)
            else:
                misplaced = list(_deeper(entry, problems))
                problems += [
                    coded(f"{file}: the folder of a plugin must be directly in {shown}: move it", _MISPLACED)
                    for file in misplaced
                ]
    if not manifests and len(problems) == before:
        problems.append(
            coded(f"plugins: there is no plugin in {str(shown)!r}: create {shown}/<name>/{MANIFEST}", _NO_PLUGIN)
        )
    return manifests


def _entries(folder: Path, problems: list[str]) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        problems.append(coded(f"{folder.absolute()}: cannot be read: {error.strerror}", _UNREADABLE))
        return []


def _file_problems(entry: Path) -> Iterator[str]:
    shown = entry.absolute()
    if entry.name.casefold() in _SPELLINGS:
        yield coded(
            f"{shown}: must be in a folder of its own: the folder that is declared holds a folder for each plugin",
            _MISPLACED,
        )
    elif _PLUGIN_NAME.fullmatch(entry.name) and (target := _checked_out_link(entry)):
        yield coded(
            f"{shown}: is a link to {target!r} that git has checked out as a file: make it a link, or copy the folder",
            "BIOT-2158",
        )


def _checked_out_link(entry: Path) -> str | None:
    """Return the target of a link that git checked out as a file, as without `core.symlinks` on Windows; else None."""
    try:
        target = entry.read_text(encoding="utf-8") if entry.is_file() and entry.stat().st_size < 1024 else ""
        return target if target.strip("./\\") and (entry.parent / target).is_dir() else None
    except (OSError, ValueError):
        return None


def _folder_problems(folder: Path, names: Collection[str]) -> Iterator[str]:
    """Yield problems of files in place of a plugin.yaml, or beside it."""
    shown = folder.absolute()
    if not names and _PLUGIN_NAME.fullmatch(folder.name):
        yield coded(
            f"{shown}: is empty: remove it, or fetch what belongs there (a submodule: `git submodule update --init`)",
            "BIOT-2158",
        )
    for name in sorted(names):
        if MANIFEST in names and name != MANIFEST and name.casefold() in _SPELLINGS:
            yield coded(f"{shown / name}: there is a {MANIFEST} beside it: remove one of them", _DISGUISE)
        elif MANIFEST not in names and _is_disguised(name.casefold()):
            yield coded(
                f"{shown / name}: must be named {MANIFEST} to describe a plugin; else give it quite another name",
                _DISGUISE,
            )


def _is_disguised(name: str) -> bool:
    if _DISGUISED.fullmatch(name):
        return True
    return bool(_YAML_OR_JSON.search(name) and difflib.get_close_matches(name, [MANIFEST], cutoff=0.8))


def _deeper(folder: Path, problems: list[str]) -> Iterator[Path]:
    """Yield each plugin.yaml below the folder's own level; in a folder that is a link, only on its first level."""

    def refused(error: OSError) -> None:
        problems.append(coded(f"{Path(error.filename).absolute()}: cannot be read: {error.strerror}", _UNREADABLE))

    for place, folders, files in os.walk(folder, onerror=refused):
        folders[:] = sorted(set(folders) - NO_PLACE_FOR_PLUGINS)
        links = [link for name in folders if (link := Path(place, name)).is_symlink()]
        found = [Path(place, name) for name in files] if Path(place) != folder else []
        found += [entry for link in links for entry in _entries(link, problems)]
        yield from (file.absolute() for file in sorted(found) if file.name.casefold() in _SPELLINGS)


def _problems_within(plugin: Path, keys: Collection[str]) -> Iterator[str]:
    """Yield problems of plugins that were moved into another's folder, but not of other tools' files of that name."""
    for file in _deeper(plugin, []):
        if _is_another_plugins(file, plugin / MANIFEST, keys):
            yield coded(
                f"{file}: is within the plugin {plugin.name!r}, so it describes none:"
                f" move its folder into {plugin.parent.absolute()}, or rename it",
                _MISPLACED,
            )


def _is_another_plugins(file: Path, manifest: Path, keys: Collection[str]) -> bool:
    try:
        if file.read_bytes() == manifest.read_bytes():
            return False  # a copy made by a build
        content = read_written(file, str(file))
    except (InputError, OSError):
        return True
    return content is None or (isinstance(content, dict) and content.keys() <= set(keys))
