"""What is installed in the program's environment, and which Pulumi plugins that calls for."""

import json
import re
from dataclasses import dataclass
from typing import Any

from language_host.children import Children
from language_host.toolchains import Toolchain

# Runs in the program's own Python. An installed package names its plugin in a `pulumi-plugin.json` beside its code.
_LIST = """
import importlib.metadata, json, pathlib, sys
found = {}
for dist in importlib.metadata.distributions():
    name = dist.metadata["Name"]
    if not name or name in found:
        continue
    plugin = pathlib.Path(str(dist.locate_file(name.replace("-", "_")))) / "pulumi-plugin.json"
    text = plugin.read_text("utf-8") if plugin.is_file() else None
    found[name] = {"name": name, "version": dist.version, "requires": dist.requires or [], "plugin": text}
sys.stdout.write(json.dumps(list(found.values())))
"""

WITHOUT_PLUGIN = frozenset({"pulumi-policy", "pulumi-esc-sdk"})
"""Pulumi packages that declare no plugin and have none."""

_PEP440 = re.compile(
    r"(?P<numbers>\d+(\.\d+)*)((?P<stage>a|b|rc)(?P<pre>\d*))?(\.post(?P<post>\d*))?(\.dev(?P<dev>\d*))?"
)
_STAGES = {"a": "alpha", "b": "beta", "rc": "rc"}


@dataclass(frozen=True)
class Package:
    """One installed distribution."""

    name: str
    """Normalized: lower case, words joined by hyphens."""
    version: str
    requires: frozenset[str]
    """Normalized names, those of extras left out."""
    plugin: dict[str, Any] | None
    """What its `pulumi-plugin.json` says."""


@dataclass(frozen=True)
class Plugin:
    """A plugin that the engine must have before the program runs."""

    name: str
    version: str
    server: str
    parameterization: dict[str, Any] | None


def installed(toolchain: Toolchain, children: Children) -> list[Package]:
    """Everything the program can import, by name."""
    argv = [toolchain.python(), "-c", _LIST]
    packages = [
        Package(
            normalized(entry["name"]),
            entry["version"],
            frozenset(_requirement(text) for text in entry["requires"] if "extra ==" not in text),
            json.loads(entry["plugin"]) if entry["plugin"] else None,
        )
        for entry in json.loads(children.output(argv, toolchain.environment(), toolchain.cwd))
    ]
    return sorted(packages, key=lambda package: package.name)


def direct(packages: list[Package]) -> list[Package]:
    """Those that no other one requires."""
    required = frozenset().union(*(package.requires for package in packages))
    return [package for package in packages if package.name not in required]


def plugins(packages: list[Package]) -> list[Plugin]:
    """The plugins that these packages stand for."""
    found = []
    for package in packages:
        declared = package.plugin
        if declared is None and (not package.name.startswith("pulumi-") or package.name in WITHOUT_PLUGIN):
            continue
        said = declared or {}
        if declared is not None and not said.get("resource"):
            continue
        version = said.get("version") or plugin_version(package.version)
        if version is not None:
            name = said.get("name") or package.name.removeprefix("pulumi-")
            version = version if version.startswith("v") else f"v{version}"
            found.append(Plugin(name, version, said.get("server") or "", said.get("parameterization")))
    return found


def plugin_version(version: str) -> str | None:
    """A plugin's semantic version from its package's; None if they do not correspond.

    >>> plugin_version("1.2rc3")
    '1.2.0-rc.3'
    """
    match = _PEP440.fullmatch(version)
    if match is None:
        return None
    numbers = match["numbers"].split(".")
    text = ".".join(numbers + ["0"] * (3 - len(numbers)))
    if match["stage"]:
        text += f"-{_STAGES[match['stage']]}.{match['pre']}"
    build = "".join(f"{name}{match[name]}" for name in ("post", "dev") if match[name] is not None)
    return f"{text}+{build}" if build else text


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement(text: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", text)
    return normalized(match.group()) if match else ""
