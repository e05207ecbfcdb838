"""The staged copy of a context for a builder: exactly the files that were hashed, with nothing left to ignore."""

from __future__ import annotations

import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from biot_provider.api.cancellation import stop_if_cancelled
from biot_provider.errors import ImageError
from biot_provider.image.dockerfile.context import DOCKERFILE, BuildContext, file_digest, reading
from biot_provider.image.dockerfile.dockerignore import DOCKERIGNORE
from biot_provider.package.known_files import forget_all

_EPOCH = 315532800
"""The time of all staged files, 1980-01-01, which a zip can store too."""
_OUTSIDE = f".biot-provider.{DOCKERFILE}"


@dataclass(frozen=True, slots=True)
class Staged:
    """A folder with a context's files, the Dockerfile beside them, and an ignore file without a rule."""

    folder: Path
    name: str
    """The Dockerfile's path for the context's ignore rules."""

    @property
    def context(self) -> Path:
        """The files."""
        return self.folder / "context"

    @property
    def dockerfile(self) -> Path:
        """The Dockerfile, outside of the context."""
        return self.folder / DOCKERFILE

    @property
    def no_rules(self) -> Path:
        """An empty ignore file beside the Dockerfile, which BuildKit prefers to the context's."""
        return self.folder / f"{DOCKERFILE}{DOCKERIGNORE}"

    def tar(self) -> Path:
        """Return the context as a tar with the Dockerfile in it, in the form that Docker's daemon accepts.

        Of the ignore rules in a tar the daemon follows only those for the Dockerfile and the ignore file itself.
        """
        path = self.folder / "context.tar"
        # Docker recognises a tar by its first 512 bytes, but not if they are a PAX header.
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
            archive.add(self.context, ".", filter=_nobodys)
            if not (self.context / self.name).is_file():
                archive.add(self.dockerfile, self.name, filter=_nobodys)
                if not (self.context / DOCKERIGNORE).is_file():
                    rules = self.folder / "left-out"
                    rules.write_text(f"{self.name}\n{DOCKERIGNORE}\n")
                    archive.add(rules, DOCKERIGNORE, filter=_nobodys)
        return path


def stage(context: BuildContext, folder: Path) -> Staged:
    """Copy a context into an empty folder, with the same modes and times whatever they were.

    Raises ImageError if a file has changed since it was read, and CancelledError.
    """
    inside = context.dockerfile.is_relative_to(context.folder)
    staged = Staged(folder, context.dockerfile.relative_to(context.folder).as_posix() if inside else _OUTSIDE)
    staged.context.mkdir()
    for entry in context.entries:
        stop_if_cancelled()
        source, target = context.folder / entry.path, staged.context / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "link":
            target.symlink_to(source.readlink())
        elif entry.kind == "folder":
            target.mkdir(exist_ok=True)
        else:
            _copy(source, target, entry.digest)
            target.chmod(0o755 if entry.executable else 0o644)
    _copy(context.dockerfile, staged.dockerfile, context.dockerfile_digest)
    staged.no_rules.touch()
    for path, _, names in os.walk(staged.context, topdown=False):
        Path(path).chmod(0o755)  # regardless of the umask, since Lambda runs the image as another user
        for name in (*names, "."):
            os.utime(Path(path, name), (_EPOCH, _EPOCH), follow_symlinks=False)
    return staged


def _copy(source: Path, target: Path, digest: str) -> None:
    with reading(source):
        shutil.copyfile(source, target)
    if file_digest(target) != digest:
        forget_all()
        raise ImageError(f"{source} changed after it was read; run it again", "BIOT-4004")


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
