"""What of a build context counts: the rules of ``.dockerignore``, as Docker's own matcher has them.

A pattern names a path from the context's root, or a folder with all that is in it. ``*`` and ``?`` stop at a slash,
``**`` does not; ``!`` takes back; the last match decides. Unlike git, Docker looks into folders that are left out;
for ``!**/name`` only newer ones do. (Source: Docker documentation, build context, .dockerignore files;
moby/patternmatcher.)
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
        self._rules = [_rule(line) for line in lines if line]

    def leaves_out(self, path: str) -> bool:
        """Whether a path, from the context's root with slashes, is left out."""
        left_out = False
        for regex, takes_back in self._rules:
            if takes_back == left_out and any(regex.fullmatch(part) for part in _with_parents(path)):
                left_out = not takes_back
        return left_out

    @property
    def may_take_back(self) -> bool:
        """Whether a file in a folder that is left out may count after all."""
        return any(takes_back for _, takes_back in self._rules)


def _with_parents(path: str) -> Iterable[str]:
    yield path
    while (slash := path.rfind("/")) > 0:
        path = path[:slash]
        yield path


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    takes_back = line.startswith("!")
    pattern = line[1:].strip() if takes_back else line
    if not pattern:
        raise ImageError(f"{DOCKERIGNORE}: {line!r} names nothing")
    cleaned = posixpath.normpath(pattern).lstrip("/")
    try:
        return re.compile(_regex(cleaned), re.DOTALL), takes_back
    except (re.error, ValueError):
        raise ImageError(f"{DOCKERIGNORE}: {line!r} is no pattern: a [ needs its ]") from None


def _regex(pattern: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if pattern.startswith("**", at):
            at += 2
            if pattern.startswith("/", at):
                at += 1
            # At the end it takes whatever follows; elsewhere any folders, none included.
            parts.append(".*" if at >= len(pattern) else "(?:.*/)?")
            continue
        if letter == "*":
            parts.append("[^/]*")
        elif letter == "?":
            parts.append("[^/]")
        elif letter == "[":
            end = pattern.index("]", at + 2)  # a ValueError where there is none
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
