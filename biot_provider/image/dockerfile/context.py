"""A build context: the files of a folder that count, and their digest.

Files that ``.dockerignore`` leaves out do not count, nor, regardless of ``.dockerignore``, do our own working folders
(``ignore.WORKING_FOLDERS``), which contain credentials and change with each run. The digest is over path, kind,
executable bit and content of every file, the Dockerfile, the build arguments and the target; never over times. It is
known before anything is built, and it names the image.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from biot_provider.errors import ImageError
from biot_provider.image.dockerfile.dockerignore import DOCKERIGNORE, DockerIgnore
from biot_provider.package.folders.ignore import WORKING_FOLDERS
from biot_provider.package.known_files import KnownFiles, stamp
from biot_provider.package.package import Package
from biot_provider.package.source_file import PackageFile, executable, is_program, shown

DOCKERFILE = "Dockerfile"
PLATFORM = "linux/amd64"
"""The platform on which AWS Lambda runs BioT's plugins."""

_RECIPE = "biot image v1"


class Entry(NamedTuple):
    """A file, a link or an empty folder of a context; ``digest`` is over a file's content or a link's target."""

    path: str
    kind: str
    digest: str
    executable: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class BuildContext:
    """A folder with its Dockerfile, read; both paths are absolute."""

    folder: Path
    dockerfile: Path
    entries: tuple[Entry, ...]
    dockerfile_digest: str

    def digest(self, *, build_args: Mapping[str, str], target: str | None) -> str:
        """Return the SHA-256, in hex, that decides whether an image is built."""
        # Platforms keep the digest as the end of each tag: changing its computation would build all images again.
        recipe = {
            "entries": [[e.path, e.kind, e.executable, e.digest] for e in self.entries],
            "dockerfile": self.dockerfile_digest,
            "build_args": dict(sorted(build_args.items())),
            "target": target,
            "platform": PLATFORM,
        }
        return recipe_digest(recipe)

    def file_digests(self) -> dict[str, str]:
        """Return a short digest for each path, so that a diff names changed files; many files are folded by folder."""
        files = tuple(PackageFile(e.path, e.size, e.digest, e.executable) for e in self.entries if e.kind != "folder")
        digests = Package(self.folder, files).file_digests()
        if not any(self.folder / e.path == self.dockerfile for e in self.entries):
            name = self.dockerfile.name
            if name in digests:  # the context has another file of this name
                name = os.path.relpath(self.dockerfile, self.folder)
            digests[name] = self.dockerfile_digest[:16]
        return digests

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.entries)


def recipe_digest(recipe: object) -> str:
    """Return the SHA-256, in hex, over everything from which an image is made."""
    return hashlib.sha256(f"{_RECIPE}\n{json.dumps(recipe, sort_keys=True)}".encode()).hexdigest()


def read_context(folder: Path, dockerfile: str | None = None) -> BuildContext:
    """Read a build context. Raises ImageError, naming what is missing or cannot be read.

    ``dockerfile`` is a path relative to the folder, but may lie outside of it; by default ``Dockerfile``. Its own
    ignore file (``<dockerfile>.dockerignore``) takes precedence over the folder's.
    """
    folder = folder.absolute()
    path = folder / (dockerfile or DOCKERFILE)
    if not os.path.isdir(folder):  # noqa: PTH112  (whatever text it is)
        raise ImageError(
            f"{shown(str(folder))} is no folder: context is the path of a folder with a Dockerfile", "BIOT-4032"
        )
    if not os.path.isfile(path):  # noqa: PTH113
        raise ImageError(
            f"{shown(str(path))} is not there: an image is built from a Dockerfile;"
            " name another one with dockerfile, or give code and base_image, which need none",
            "BIOT-4032",
        )
    # Resolve .. to see whether the Dockerfile lies in the folder.
    folder, path = folder.resolve(), path.parent.resolve() / path.name
    ignore = ignore_rules(folder, path)
    files = _Files(folder)
    entries = sorted(_walk(folder, "", ignore, files), key=lambda entry: entry.path)
    with reading(path):
        digest = files.read(path, str(path), path.stat()).digest
    files.keep()
    return BuildContext(folder, path, tuple(entries), digest)


def ignore_rules(folder: Path, dockerfile: Path) -> DockerIgnore:
    """Read the ignore file of a Dockerfile, or else that of the folder. Raises ImageError."""
    own = dockerfile.with_name(f"{dockerfile.name}{DOCKERIGNORE}")
    rules = own if own.is_file() else folder / DOCKERIGNORE
    try:
        return DockerIgnore(rules.read_text("utf-8") if rules.is_file() else "")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"{rules} cannot be read: {getattr(error, 'strerror', None) or error}", "BIOT-4035") from None


class _Files:
    """The files of a context; files that did not change since they were last read are not opened."""

    def __init__(self, folder: Path) -> None:
        self._now = time.time_ns()
        self._known = KnownFiles("image context", str(folder))
        self._read: list[tuple[str | None, PackageFile]] = []

    def read(self, source: Path, name: str, status: os.stat_result) -> PackageFile:
        """Return a file of the context; if its mode says nothing, its content decides whether it is executable."""
        its_stamp = stamp(status, self._now)
        file = self._known.find(name, its_stamp)
        if file is None:
            with source.open("rb") as content:
                is_executable = executable(status.st_mode)
                if is_executable is None:
                    is_executable = is_program(content.read(4))
                    content.seek(0)
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            file = PackageFile(name, status.st_size, digest, is_executable)
        self._read.append((its_stamp, file))
        return file

    def keep(self) -> None:
        """Keep the digests of the files for the next time."""
        self._known.keep(self._read)


def _walk(folder: Path, prefix: str, ignore: DockerIgnore, files: _Files) -> Iterator[Entry]:
    with reading(folder), os.scandir(folder / prefix) as scan:
        found = list(scan)
    for item in found:
        path = prefix + item.name
        if item.name in WORKING_FOLDERS:
            continue
        left_out = ignore.leaves_out(path)
        if item.is_dir(follow_symlinks=False):
            inside = list(_walk(folder, f"{path}/", ignore, files)) if not left_out or ignore.opens(path) else []
            yield from inside
            if not inside and not left_out:
                yield Entry(path, "folder", "")
        elif not left_out:
            yield _entry(item, path, files)


def _entry(item: os.DirEntry[str], path: str, files: _Files) -> Entry:
    source = Path(item.path)
    if item.is_symlink():
        return Entry(path, "link", hashlib.sha256(os.fsencode(source.readlink())).hexdigest())
    with reading(source):
        status = source.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{source} is a socket, pipe or device; remove it or name it in {DOCKERIGNORE}", "BIOT-4035")
    with reading(source):
        file = files.read(source, path, status)
    return Entry(path, "file", file.digest, file.executable, status.st_size)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex. Raises ImageError if it cannot be read."""
    with reading(path), path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Convert an OSError in the block to an ImageError that names the path."""
    try:
        yield
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}", "BIOT-4035") from None
