"""Reads a requirements.txt as a lock file: each line one distribution at one version.

Lines that would make a tool run a distribution's code during installation (a source distribution, a repository, an
editable folder) are refused here, before any tool reads the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from biot_provider.api.redaction import redact
from biot_provider.errors import PackagingError

_PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*===?\s*(?P<version>[^\s;,*]+)"
)
_OPTION = re.compile(r"\s--hash[= ]\s*\S+")
_ALLOWED_OPTIONS = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--require-hashes", "--only-binary",
                    "--prefer-binary", "--no-index", "--trusted-host")  # fmt: skip
_COMPILE = (
    "`uv pip compile --generate-hashes requirements.in -o {name}`, or `pip-compile --generate-hashes`, writes one"
)


@dataclass(frozen=True, slots=True)
class Requirements:
    """The content of a requirements.txt: versions by normalized name, and whether it has hashes."""

    versions: dict[str, str]
    has_hashes: bool


def normalized(name: str) -> str:
    """Return a distribution's name in the normalized form of the packaging specifications."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(place: str, name: str, text: str) -> Requirements:
    """Parse the text of this file. Raises PackagingError with the first line that pins no version."""
    versions: dict[str, str] = {}
    has_hashes = False
    for line in _lines(text):
        if line.startswith("-"):
            option = re.split(r"[=\s]", line, maxsplit=1)[0]
            if option not in _ALLOWED_OPTIONS:
                remedy = _remedy(line, name).replace("is no", "it is no", 1)
                raise PackagingError(
                    f"{place}: {name}: the line {redact(line, ())!r} is not followed: {remedy}",
                    "BIOT-3141",
                )
            continue
        has_hashes = has_hashes or "--hash" in line
        requirement = _OPTION.sub("", f" {line}").strip()
        found = _PINNED.match(requirement)
        rest = requirement[found.end() :].strip() if found else requirement
        if found is None or (rest and not rest.startswith(";")):
            raise PackagingError(
                f"{place}: {name}: {_without_address(requirement)} {_remedy(requirement, name)}", "BIOT-3141"
            )
        key = normalized(found["name"])
        known = versions.get(key)
        versions[key] = found["version"] if known in (None, found["version"]) else f"{known} or {found['version']}"
    return Requirements(versions, has_hashes)


def _lines(text: str) -> list[str]:
    joined = re.sub(r"\\\r?\n", " ", text.removeprefix("\ufeff"))
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _without_address(requirement: str) -> str:
    """Return the requirement in a form that a message may quote: an address may hold a password with an @."""
    name = requirement.partition("@")[0].strip()
    return repr(redact(requirement, ())[:80] if "://" in name or "://" not in requirement else name)


def _remedy(line: str, name: str) -> str:
    if line.startswith(("-e", "--editable", ".", "/")) or "@" in line or "://" in line:
        return "is no wheel of an index, and nothing else is installed: publish it there, or copy its code beside yours"
    if line.startswith(("-r", "-c", "--requirement", "--constraint")):
        return f"put everything into one file; {_COMPILE.format(name=name)}"
    if line.startswith("-"):
        return "take it out"
    return f"is not pinned by ==, so that two machines may install two versions; {_COMPILE.format(name=name)}"
