"""Which files of a build context count: the rules of ``.dockerignore``, as in Docker's own matcher.

A pattern matches a path from the context's root, or a folder with everything in it. ``*`` and ``?`` stop at a slash,
``**`` does not; ``!`` includes files again; the last match decides. Unlike git, Docker enters a folder that is left out
if a ``!`` may match something below it; for ``!**/name`` only newer versions do. (Source: Docker documentation, build
context, .dockerignore files; moby/patternmatcher; tonistiigi/fsutil, which is BuildKit's walk.)
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from biot_provider.errors import ImageError

DOCKERIGNORE = ".dockerignore"


class DockerIgnore:
    """The rules of one file. Raises ImageError for a pattern that Docker would refuse."""

    def __init__(self, text: str = "") -> None:
        lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines() if not line.startswith("#"))
        self._rules: list[tuple[re.Pattern[str], bool]] = []
        self._taken_back: list[list[re.Pattern[str] | None]] = []
        for line in filter(None, lines):
            pattern, takes_back = _pattern(line)
            self._rules.append((_compiled(line, pattern), takes_back))
            if takes_back:
                self._taken_back.append(_parts(pattern))

    def leaves_out(self, path: str) -> bool:
        """Return whether a path, from the context's root with slashes, is left out."""
        left_out = False
        for regex, takes_back in self._rules:
            if takes_back == left_out and any(regex.fullmatch(part) for part in _with_parents(path)):
                left_out = not takes_back
        return left_out

    def names(self, path: str) -> bool:
        """Return whether a ``!`` includes this very path."""
        return any(takes_back and regex.fullmatch(path) for regex, takes_back in self._rules)

    def opens(self, folder: str) -> bool:
        """Return whether a ``!`` may include something below a folder that is left out."""
        parts = folder.split("/")
        return any(_begins_with(beginning, parts) for beginning in self._taken_back)


def _begins_with(beginning: list[re.Pattern[str] | None], parts: list[str]) -> bool:
    """Return whether a pattern, given by its parts, can match something below a folder; None stands for any rest."""
    for wanted, part in zip(beginning, parts, strict=False):
        if wanted is None:
            return True
        if not wanted.fullmatch(part):
            return False
    return len(beginning) > len(parts)


def _with_parents(path: str) -> Iterable[str]:
    yield path
    while (slash := path.rfind("/")) > 0:
        path = path[:slash]
        yield path


def _pattern(line: str) -> tuple[str, bool]:
    """Return a line's pattern, relative to the context's root, and whether it begins with ``!``."""
    takes_back = line.startswith("!")
    pattern = line[1:].strip() if takes_back else line
    if not pattern:
        raise ImageError(f"{DOCKERIGNORE}: {line!r} names nothing", "BIOT-4036")
    return posixpath.normpath(pattern).lstrip("/"), takes_back


def _compiled(line: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_regex(pattern), re.DOTALL)
    except (re.error, ValueError):
        raise ImageError(f"{DOCKERIGNORE}: {line!r} is no pattern: a [ needs its ]", "BIOT-4036") from None


def _parts(pattern: str) -> list[re.Pattern[str] | None]:
    """Return the parts of a pattern; from ``**``, or from a set with a slash in it, on, anything may follow."""
    parts: list[re.Pattern[str] | None] = []
    for part in pattern.split("/"):
        try:
            parts.append(None if "**" in part else _compiled(pattern, part))
        except ImageError:
            parts.append(None)
    return parts


def _regex(pattern: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if pattern.startswith("**", at):
            at += 2
            if pattern.startswith("/", at):
                at += 1
            # At the end it matches anything; elsewhere any number of folders, or none.
            parts.append(".*" if at >= len(pattern) else "(?:.*/)?")
            continue
        if letter == "*":
            parts.append("[^/]*")
        elif letter == "?":
            parts.append("[^/]")
        elif letter == "[":
            end = pattern.index("]", at + 2)  # a ValueError if there is none
            members = pattern[at + 1 : end]
            parts.append(f"[{'^' if members.startswith('^') else ''}{_members(members.removeprefix('^'))}]")
            at = end
        elif letter == "\\" and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        else:
            parts.append(re.escape(letter))
        at += 1
    return "".join(parts)


def _members(members: str) -> str:
    return re.sub(r"([\\\[\]^&~|])", r"\\\1", members)
