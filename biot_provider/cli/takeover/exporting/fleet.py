"""The plugins of a platform, and the folder that each is exported to."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.api.models.plugins import NAME_PREFIX, PluginAnswer
from biot_provider.cli.errors import CommandError
from biot_provider.cli.takeover.notes import Note
from biot_provider.errors import InputError, NotFoundError, coded
from biot_provider.lifecycle.problems import nearest
from biot_provider.plugin.manifest.folders import MANIFEST, NO_PLACE_FOR_PLUGINS
from biot_provider.plugin.manifest.yaml_file import read_yaml

if TYPE_CHECKING:
    from biot_provider.api.client import Client
    from biot_provider.cli.progress import Progress

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,57}")
_DEVICES = re.compile(r"con|prn|aux|nul|com\d|lpt\d")
"""What Windows takes for a device, whatever the folder."""


def live_plugins(client: Client, progress: Progress) -> dict[str, PluginAnswer]:
    """Return every plugin of the platform by its bare name, in the order of the names."""
    found: dict[str, PluginAnswer] = {}
    for answer in client.search_plugins():
        client.hide((answer.environment_variables or {}).values())
        found.setdefault(answer.bare_name, answer)
        progress.show(f"reading plugins: {len(found)}")
    return dict(sorted(found.items()))


def selected(live: Mapping[str, PluginAnswer], patterns: Iterable[str], note: Note) -> list[str]:
    """Return the names that match one of the patterns, or all names if there is no pattern.

    A name that no declaration can have is left out, with a note.
    Raises CommandError with every pattern that fits none.
    """
    given = list(patterns)
    unmatched = [pattern for pattern in given if not fnmatch.filter(live, pattern)]
    if unmatched:
        raise CommandError(
            "\n".join(
                coded(f"no plugin is named like {pattern!r}{nearest(pattern, list(live))}", "BIOT-8002")
                for pattern in unmatched
            ),
            None,
        )
    chosen = [name for name in live if not given or any(fnmatch.fnmatchcase(name, pattern) for pattern in given)]
    for name in chosen:
        if not _NAME.fullmatch(name):
            note(f"plugin {name!r}", coded("has a name that no declaration can have, so it is left out", "BIOT-8080"))
    return [name for name in chosen if _NAME.fullmatch(name)]


def complete(client: Client, answer: PluginAnswer) -> PluginAnswer | None:
    """Return the plugin with its variables, which a list may leave out; None where it is gone meanwhile."""
    if answer.environment_variables is not None:
        return answer
    try:
        return client.get_plugin(answer.bare_name)
    except NotFoundError:
        return None


def folders_of(names: Iterable[str], out: Path) -> dict[str, str]:
    """Return the folder of each plugin: the one that describes it already, else one of its name.

    The names of two folders differ in more than upper and lower case, and none is a device of Windows.
    """
    there = described(out)
    folders: dict[str, str] = {name: there[name] for name in names if name in there}
    taken = {folder.casefold() for folder in there.values()}
    for name in names:
        if name not in folders:
            folder = name
            while folder.casefold() in taken or folder in NO_PLACE_FOR_PLUGINS or _DEVICES.fullmatch(folder.casefold()):
                folder += "_"
            folders[name] = folder
            taken.add(folder.casefold())
    return folders


def described(out: Path) -> dict[str, str]:
    """Return the folder of each plugin that a plugin.yaml describes already, by the plugin's name."""
    found: dict[str, str] = {}
    for manifest in sorted(out.glob(f"*/{MANIFEST}")):
        try:
            content = read_yaml(manifest, str(manifest))
        except InputError:
            content = None
        name = content.get("name") if isinstance(content, Mapping) else None
        plugin = name.removeprefix(NAME_PREFIX) if isinstance(name, str) else manifest.parent.name
        found.setdefault(plugin, manifest.parent.name)
    return found
