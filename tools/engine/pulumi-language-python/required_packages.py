"""Prints which plugins the packages that this Python can import need, as the engine's `GetRequiredPackagesResponse`.

The language host runs this text in the program's Python. A package says in the `pulumi-plugin.json` beside its code
which plugin it needs; without one, a package named `pulumi-*` needs the plugin of that name. Names and versions come
from the names of the `.dist-info` folders: to read the metadata of every distribution takes most of a second.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

WITHOUT_PLUGIN = ("pulumi-policy", "pulumi-esc-sdk")
"""Pulumi packages that declare no plugin and have none."""

INFORMATION = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-py[\d.]+)?\.(dist|egg)-info")

PEP440 = re.compile(
    r"(?P<numbers>\d+(\.\d+)*)((?P<stage>a|b|rc)(?P<pre>\d*))?(\.post(?P<post>\d*))?(\.dev(?P<dev>\d*))?"
)
STAGES = {"a": "alpha", "b": "beta", "rc": "rc"}


def required_packages(search: list[str]) -> list[dict[str, Any]]:
    """List the plugins that the distributions in these folders need, by the distributions' names."""
    found: dict[str, dict[str, Any] | None] = {}
    for folder in search:
        for match in filter(None, map(INFORMATION.fullmatch, names(folder))):
            name = re.sub(r"[-_.]+", "-", match["name"]).lower()
            if name in found:
                continue
            declared = Path(folder, match["name"], "pulumi-plugin.json")
            if declared.is_file():
                found[name] = plugin(name, match["version"], json.loads(declared.read_text("utf-8")))
            elif name.startswith("pulumi-") and name not in WITHOUT_PLUGIN:
                found[name] = plugin(name, match["version"], {"resource": True})
    return [package for _, package in sorted(found.items()) if package is not None]


def names(folder: str) -> list[str]:
    """List what is in a folder; nothing if Python cannot look into it."""
    try:
        return sorted(file.name for file in Path(folder).iterdir())
    except OSError:
        return []


def plugin(distribution: str, version: str, declared: dict[str, Any]) -> dict[str, Any] | None:
    """Name the plugin that a distribution needs, if it needs one of a known version."""
    needed = declared.get("version") or plugin_version(version)
    if not declared.get("resource") or needed is None:
        return None
    return {
        "name": declared.get("name") or distribution.removeprefix("pulumi-"),
        "kind": "resource",
        "version": "v" + needed.removeprefix("v"),
        "server": declared.get("server") or "",
        "parameterization": declared.get("parameterization"),
    }


def plugin_version(version: str) -> str | None:
    """Translate a distribution's version into its plugin's semantic version; None if they do not correspond.

    >>> plugin_version("1.2rc3")
    '1.2.0-rc.3'
    """
    match = PEP440.fullmatch(version)
    if match is None:
        return None
    numbers = match["numbers"].split(".")
    text = ".".join(numbers + ["0"] * (3 - len(numbers)))
    if match["stage"]:
        text += f"-{STAGES[match['stage']]}.{match['pre']}"
    build = "".join(f"{name}{match[name]}" for name in ("post", "dev") if match[name] is not None)
    return f"{text}+{build}" if build else text


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"packages": required_packages(sys.path)}))
