"""A folder as the source of a package: walked by its ignore rules, its links followed as long as they stay inside."""

from __future__ import annotations

import codecs
import os
import stat
import time
from pathlib import Path

from biot_provider.errors import PackagingError
from biot_provider.package.folders.ignore import BIOTIGNORE, GITIGNORE, FolderRules, IgnoreFile, Verdict
from biot_provider.package.folders.node_links import as_files, check_dependencies
from biot_provider.package.folders.pip_installed import Installed, dist_infos, is_target
from biot_provider.package.known_files import stamp
from biot_provider.package.source_file import SourceFile, check_name, executable, reading, shown

_HAS_JUNCTIONS = os.name == "nt"
_JUNCTION = 0xA0000003
"""IO_REPARSE_TAG_MOUNT_POINT, which `stat` has on Windows alone."""

_LEAVE_IT_OUT = f"name it in {BIOTIGNORE}"


def list_folder(root: Path, without: frozenset[str] = frozenset()) -> list[SourceFile]:
    """Return the files of a folder that would be deployed, except for `without`. Raises `PackagingError`."""
    now = time.time_ns()
    real_root = os.path.realpath(root)
    found: list[SourceFile] = []
    # Each folder with its rules and the real paths of its parents, ending with its own.
    folders: list[tuple[str, FolderRules, tuple[str, ...]]] = [
        (os.fspath(root), FolderRules(without=without), (real_root,))
    ]
    while folders:
        folder, rules, chain = folders.pop()
        with reading(root, rules.prefix):
            entries = _entries(folder)
        if "package.json" in entries and chain[-1] != os.path.normpath(os.path.join(real_root, rules.prefix)):  # noqa: PTH118
            check_dependencies(root, real_root, rules.prefix.rstrip("/"), chain[-1])
        rules = _with_own_files(root, real_root, rules, entries)
        for name, entry in entries.items():
            path = rules.prefix + name
            link = _is_link(entry)
            real = _real_path(entry) if link else None
            is_dir = (real is not None or not link) and entry.is_dir()
            verdict = rules.verdict(name, is_folder=is_dir)
            if verdict is Verdict.LEFT_OUT or (verdict is Verdict.IGNORED and not _is_installed(rules, entry, is_dir)):
                continue
            _check_name(root, path)
            if link:
                real = _inside(root, real_root, path, real)
            if is_dir:
                real = real or os.path.join(chain[-1], name)  # noqa: PTH118 (a Path for each is slow)
                folders.append((entry.path, rules.entered(name, verdict), _extended(root, path, chain, real)))
                continue
            try:
                status = os.stat(entry.path)  # noqa: PTH116 (what Windows lists may be out of date)
            except OSError:
                with reading(root, path):
                    raise
            if not stat.S_ISREG(status.st_mode):
                raise _no_file(root, path, f" or {_LEAVE_IT_OUT}")
            found.append(SourceFile(path, status.st_size, executable(status.st_mode), stamp(status, now)))
    return found


def read_biotignore(folder: Path) -> IgnoreFile:
    """Return the rules of the folder's own .biotignore; none if there is none. Raises `PackagingError`."""
    path = folder / BIOTIGNORE
    with reading(folder, BIOTIGNORE):
        return IgnoreFile(path.read_bytes() if path.is_file() else b"")


def ignore_file_warning(folder: Path) -> str | None:
    """Return the sentence about an ignore file in the folder whose encoding makes its lines match nothing.

    Windows PowerShell's `>` and `Out-File` write UTF-16. Git takes such a .gitignore for one without rules too.
    """
    for name in (BIOTIGNORE, GITIGNORE):
        path = folder / name
        if path.is_file():
            with reading(folder, name):
                content = path.read_bytes()
            if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return f"{name} is UTF-16, so that none of its lines leaves anything out: write it as UTF-8"
    return None


def _no_file(root: Path, path: str, or_else: str = "") -> PackagingError:
    return PackagingError(f"{root}: {shown(path)} is a socket, pipe or device; remove it{or_else}", "BIOT-3012")


def _entries(folder: str) -> dict[str, os.DirEntry[str]]:
    with os.scandir(folder) as scan:
        return {entry.name: entry for entry in scan}


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Return whether the entry is a link, or a junction: the links to folders that npm and pnpm make on Windows."""
    return entry.is_symlink() or (
        _HAS_JUNCTIONS and getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == _JUNCTION
    )


def _is_installed(rules: FolderRules, entry: os.DirEntry[str], is_dir: bool) -> bool:
    return rules.is_installed(entry.name) or (is_dir and not _is_link(entry) and is_target(entry.path))


def _with_own_files(
    root: Path, real_root: str, rules: FolderRules, entries: dict[str, os.DirEntry[str]]
) -> FolderRules:
    def content(name: str) -> bytes | None:
        entry = entries.get(name)
        if entry is None or entry.is_dir():
            return None
        path = rules.prefix + name
        if _is_link(entry):
            _inside(root, real_root, path, _real_path(entry))
        if not entry.is_file():  # to read a pipe would take forever
            raise _no_file(root, path)
        with reading(root, path):
            return Path(entry.path).read_bytes()

    if not rules.prefix and (biotignore := content(BIOTIGNORE)) is not None:
        rules = rules.with_biotignore(biotignore)
    if not rules.in_dependencies and (gitignore := content(GITIGNORE)) is not None:
        rules = rules.with_gitignore(gitignore)
    if installed := dist_infos(entries):
        rules = rules.with_installed(Installed(root, rules.prefix, installed))
    return rules


def _real_path(link: os.DirEntry[str]) -> str | None:
    try:
        return os.path.realpath(link.path, strict=True)
    except OSError:
        return None


def _inside(root: Path, real_root: str, path: str, real: str | None) -> str:
    if real is None:
        raise PackagingError(
            f"{root}: the link {shown(path)} points to nothing; remove it or {_LEAVE_IT_OUT}", "BIOT-3008"
        )
    if real != real_root and not real.startswith(real_root.rstrip(os.sep) + os.sep):
        remedy = as_files(path, real) or "put a copy in its place"
        raise PackagingError(
            f"{root}: the link {shown(path)} points out of the folder, to {shown(real)}; {remedy} or {_LEAVE_IT_OUT}",
            "BIOT-3008",
        )
    return real


def _extended(root: Path, path: str, chain: tuple[str, ...], real: str) -> tuple[str, ...]:
    if real in chain:
        remedy = as_files(path, real) or "remove it"
        raise PackagingError(
            f"{root}: the link {shown(path)} leads back to a folder that it lies in; {remedy} or {_LEAVE_IT_OUT}",
            "BIOT-3008",
        )
    return (*chain, real)


def _check_name(root: Path, path: str) -> None:
    check_name(root, path)
    if "\\" in path:
        raise PackagingError(
            f"{root}: the name {shown(path)!r} means something else in a zip; rename the file", "BIOT-3011"
        )
