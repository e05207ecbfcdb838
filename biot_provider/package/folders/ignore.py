"""Decides which entries of a plugin's folder are deployed, and which are left out.

From the weakest rule to the strongest:

- `.gitignore` files, in the folder and its subfolders, mean the same as in git. Those above the folder,
  `.git/info/exclude` and the user's global excludes do not count: the same folder is the same package everywhere.
- A Pulumi project's configuration (`Pulumi.yaml`, `Pulumi.<stack>.yaml`) is left out: it is not code, contains secrets,
  and each `pulumi config set` would deploy the plugin again.
- `node_modules` and `site-packages` are needed at run time, although most `.gitignore` files name them: they are kept,
  and no `.gitignore` applies inside them. Inside a folder that is itself left out (`env/`), they are left out with it.
- `*.pyc` is left out.
- Files that the `RECORD` of a distribution lists, which pip installed beside the code, are kept (`pip_installed`), even
  inside a folder that is otherwise left out (`lib/`).
- Files that the machine writes (`__pycache__/`, `.DS_Store`, pnpm's notes in `node_modules`) are left out.
- `.biotignore` in the folder's root, with the same syntax, overrides the rules above: it can leave out files that they
  keep, and with `!` keep files that they leave out.
- `.git`, `.gitignore`, `.biotignore` and our own working folders (`.biot`, `.pulumi`, `.venv`) anywhere and
  `plugin.yaml` in the root are never deployed.

As in git, a folder that is left out is not entered: to keep one of its files, keep the folder (`!dist/`).
A link counts as its target. Upper and lower case differ, on every machine.

The syntax is git's, byte for byte. `pathspec`, the library for it, judges whole paths where git decides folder by
folder: in a walk it loses `logs/**` with `!logs/keep.txt`, and `*` with `!*/` and `!*.py`; it fails on `[b-a]` and
misreads `[[:digit:]]`. The tests compare this module with git itself.
"""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from biot_provider.package.folders.pip_installed import Installed

GITIGNORE = ".gitignore"
BIOTIGNORE = ".biotignore"
WORKING_FOLDERS = frozenset({".biot", ".pulumi", ".venv"})
"""Folders that this package, Pulumi and Python create beside the program: never part of code or an image."""
DEPENDENCIES = frozenset({"node_modules", "site-packages"})
"""Folders of installed dependencies."""

_NEVER_DEPLOYED = WORKING_FOLDERS | {".git", GITIGNORE, BIOTIGNORE}
_NEVER_DEPLOYED_IN_ROOT = "plugin.yaml"
_OF_THE_MACHINE = frozenset({"__pycache__", ".DS_Store"})
_PULUMI_PROJECT = re.compile(r"Pulumi(\..+)?\.(yaml|yml|json)")
# They contain the time of the installation and paths of the machine.
_PNPM_NOTES = re.compile(r"\.modules\.yaml|\.pnpm-workspace-state.*\.json")


class Verdict(Enum):
    """The decision about an entry of a folder."""

    KEPT = auto()
    LEFT_OUT = auto()
    IGNORED = auto()
    """Left out, except for files that pip installed."""


class IgnoreFile:
    """The rules of one ignore file."""

    def __init__(self, content: bytes) -> None:
        lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
        rules = (_Rule.parse(_without_trailing_spaces(line.removesuffix(b"\r"))) for line in lines)
        # The last match decides, so the last rule is tried first.
        self._rules = [rule for rule in rules if rule is not None][::-1]

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """Return whether `path`, relative to the ignore file's folder, is left out; None if no rule matches it."""
        name = os.fsencode(path)
        for rule in self._rules:
            if (is_folder or not rule.folders_only) and rule.regex.fullmatch(name):
                return rule.leaves_out
        return None


@dataclass(frozen=True, slots=True)
class FolderRules:
    """The rules that hold for the entries of one folder."""

    prefix: str = ""
    """The folder's path within the package, empty or ending in a slash."""
    biotignore: IgnoreFile | None = None
    gitignores: tuple[tuple[int, IgnoreFile], ...] = ()
    """From the root down: the length of the prefix of each ignore file's folder, and its rules."""
    in_dependencies: bool = False
    installed: tuple[Installed, ...] = ()
    is_left_out: bool = False
    """Whether only files that pip installed are kept in this folder."""
    without: frozenset[str] = frozenset()
    """Names, and paths from the root that begin with a slash, that no rule keeps."""

    def verdict(self, name: str, *, is_folder: bool) -> Verdict:
        """Decide about the folder's entry `name`."""
        if name in _NEVER_DEPLOYED or (name == _NEVER_DEPLOYED_IN_ROOT and not self.prefix):
            return Verdict.LEFT_OUT
        path = self.prefix + name
        if self.without and (name in self.without or f"/{path}" in self.without):
            return Verdict.LEFT_OUT
        named = None if self.biotignore is None else self.biotignore.verdict(path, is_folder=is_folder)
        if named is not None:
            return Verdict.LEFT_OUT if named else Verdict.KEPT
        if self._is_rubbish(name):
            return Verdict.LEFT_OUT
        return Verdict.IGNORED if self._is_ignored(name, path, is_folder=is_folder) else Verdict.KEPT

    def is_installed(self, name: str) -> bool:
        """Return whether pip installed the folder's entry `name`, or something below it."""
        return any(found.holds(self.prefix + name) for found in self.installed)

    def _is_rubbish(self, name: str) -> bool:
        notes = self.prefix.endswith("node_modules/") and _PNPM_NOTES.fullmatch(name)
        return name in _OF_THE_MACHINE or bool(notes)

    def _is_ignored(self, name: str, path: str, *, is_folder: bool) -> bool:
        if self.is_left_out or name.endswith(".pyc"):
            return True
        if self.in_dependencies or (is_folder and name in DEPENDENCIES):
            return False
        if _PULUMI_PROJECT.fullmatch(name):
            return True
        for start, gitignore in reversed(self.gitignores):
            verdict = gitignore.verdict(path[start:], is_folder=is_folder)
            if verdict is not None:
                return verdict
        return False

    def entered(self, name: str, verdict: Verdict) -> FolderRules:
        """Return the rules inside the subfolder `name`, given its verdict, before its own ignore file is read."""
        in_dependencies = self.in_dependencies or (name in DEPENDENCIES and not self.is_left_out)
        is_left_out = verdict is Verdict.IGNORED
        return replace(self, prefix=f"{self.prefix}{name}/", in_dependencies=in_dependencies, is_left_out=is_left_out)

    def with_installed(self, installed: Installed) -> FolderRules:
        """Return the same rules plus the distributions installed in the folder."""
        return replace(self, installed=(*self.installed, installed))

    def with_biotignore(self, content: bytes) -> FolderRules:
        """Return the same rules plus those of the package's `.biotignore`."""
        return replace(self, biotignore=IgnoreFile(content))

    def with_gitignore(self, content: bytes) -> FolderRules:
        """Return the same rules plus those of the folder's own `.gitignore`."""
        return replace(self, gitignores=(*self.gitignores, (len(self.prefix), IgnoreFile(content))))


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of an ignore file."""

    regex: re.Pattern[bytes]
    folders_only: bool
    leaves_out: bool

    @classmethod
    def parse(cls, line: bytes) -> _Rule | None:
        """Return the rule of a line; None for an empty line, a comment, and a pattern that matches nothing."""
        if line.startswith(b"#"):
            return None
        pattern = line.removeprefix(b"!")
        regex = _regex(pattern.removesuffix(b"/"))
        if regex is None:
            return None
        return cls(regex, folders_only=pattern.endswith(b"/"), leaves_out=pattern is line)


# The tokens of a pattern (git's wildmatch.c): the alternatives are tried in this order.
_TOKEN = re.compile(
    rb"""(?sx)
    (?P<folders> (?: \A | (?<=/) ) \*\*+ / )
    | (?P<rest> (?: \A | (?<=/) ) \*\*+ \Z )
    | (?P<star> \*+ )
    | (?P<question> \? )
    | (?P<set> \[ (?P<negated> [!^]? )
        (?P<members> (?: \[:[^\]]*:\] | \\. | [^\\] ) (?: \[:[^\]]*:\] | \\. | [^\]\\] )* ) \] )
    | (?P<broken> \[ | \\\Z )
    | \\? (?P<literal> . )
    """
)
_MEMBER = re.compile(rb"(?s)\[:(?P<name>[^\]]*):\]|\\?(?P<first>.)(?:-\\?(?P<last>.))?")
# The POSIX classes in ASCII, as pairs of first and last byte.
_POSIX_CLASSES = {
    b"alnum": b"09AZaz",
    b"alpha": b"AZaz",
    b"blank": b"\t\t  ",
    b"cntrl": b"\0\x1f\x7f\x7f",
    b"digit": b"09",
    b"graph": b"!~",
    b"lower": b"az",
    b"print": b" ~",
    b"punct": b"!/:@[`{~",
    b"space": b"\t\r  ",
    b"upper": b"AZ",
    b"xdigit": b"09AFaf",
}


def _regex(pattern: bytes) -> re.Pattern[bytes] | None:
    """Return a regular expression for `pattern`, without `!` and final slash; None if the pattern matches nothing."""
    # A pattern without a slash matches files at any depth.
    parts = [b"" if b"/" in pattern else b"(?:.*/)?"]
    for token in _TOKEN.finditer(pattern.removeprefix(b"/")):
        match token.lastgroup:
            case "folders":
                parts.append(b"(?:.*/)?")
            case "rest":
                parts.append(b".*")
            case "star":
                parts.append(b"[^/]*")
            case "question":
                parts.append(b"[^/]")
            case "literal":
                parts.append(re.escape(token["literal"]))
            case "set":
                allowed = _bytes_of_set(token["members"], negated=bool(token["negated"]))
                if not allowed:
                    return None
                parts.append(b"[" + b"".join(b"\\x%02x" % byte for byte in sorted(allowed)) + b"]")
            case _:
                return None
    return re.compile(b"".join(parts), re.DOTALL) if pattern else None


def _bytes_of_set(members: bytes, *, negated: bool) -> set[int]:
    found: set[int] = set()
    for member in _MEMBER.finditer(members):
        if member["name"] is None:
            # The first byte, and the range: in git a range that runs backwards holds its first byte.
            ranges = member["first"] * 2 + (member["first"] + member["last"] if member["last"] else b"")
        elif (known := _POSIX_CLASSES.get(member["name"])) is not None:
            ranges = known
        else:
            return set()
        for first, last in zip(ranges[::2], ranges[1::2], strict=True):
            found.update(range(first, last + 1))
    return (set(range(256)) - found if negated else found) - {ord("/")}


def _without_trailing_spaces(line: bytes) -> bytes:
    stripped = line.rstrip(b" ")
    backslashes = len(stripped) - len(stripped.rstrip(b"\\"))
    return stripped + b" " if backslashes % 2 and len(stripped) < len(line) else stripped
