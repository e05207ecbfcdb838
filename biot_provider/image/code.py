"""A plugin's code as an image: the image's digest, and the files as one layer on a base image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from biot_provider.errors import ImageError
from biot_provider.image.dockerfile.context import recipe_digest
from biot_provider.package.folders.ignore import BIOTIGNORE
from biot_provider.package.known_files import forget_all
from biot_provider.package.source import opened
from biot_provider.package.source_file import reading

if TYPE_CHECKING:
    import tarfile

    from biot_provider.image.artifact import Blob
    from biot_provider.image.model import PluginImageInputs
    from biot_provider.package.package import Package

_WHITEOUT = ".wh."
_EPOCH = 315532800

MAX_CODE_BYTES = 10 * 1024**3
"""AWS Lambda quotas, container image code package size: uncompressed, with all layers."""


def package_digest(package: Package, inputs: PluginImageInputs) -> str:
    """Return the SHA-256, in hex, that decides whether code on a base image is pushed.

    Raises ImageError for a name that a layer cannot contain.
    """
    check_names(package)
    return recipe_digest({"code": package.digest, "base_image": inputs.base_image, "handler": inputs.handler})


def check_names(package: Package) -> None:
    """Refuse a name that would delete files of the base image (OCI image layer specification, whiteouts).

    Raises ImageError.
    """
    for file in package.files:
        if any(part.startswith(_WHITEOUT) for part in file.path.split("/")):
            raise ImageError(
                f"{package.source}: {file.path} has a name by which a layer takes files of the image away"
                f" ({_WHITEOUT}): rename it, or name it in {BIOTIGNORE}",
                "BIOT-4038",
            )


def code_layer(package: Package, folder: Path) -> tuple[Blob, str]:
    """Return a plugin's files as one gzip layer below /var/task, and the uncompressed digest of the layer.

    The layer depends only on the files. Raises ImageError if a file changed after it was read.
    """
    # Imported here, since the check of an image needs only its digest.
    import gzip
    import tarfile

    from biot_provider.image.artifact import Hashing, file_blob

    path = folder / "code.tar.gz"
    unpacked = hashlib.sha256()
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=Hashing(packed, unpacked), mode="w|", format=tarfile.PAX_FORMAT) as archive,
        opened(package.source) as open_file,
    ):
        for folder_name in sorted({parent for file in package.files for parent in _parents(file.path)}):
            archive.addfile(_member(tarfile.TarInfo(f"var/task/{folder_name}".rstrip("/")), 0o755, tarfile.DIRTYPE))
        for file in package.files:
            member = _member(
                tarfile.TarInfo(f"var/task/{file.path}"), 0o755 if file.executable else 0o644, tarfile.REGTYPE
            )
            member.size = file.size
            with reading(package.source, file.path), open_file(file.path) as content:
                checked = _Checked(content)
                try:
                    archive.addfile(member, checked)
                    is_same = checked.digest == file.digest
                except (OSError, tarfile.TarError):  # the file is shorter now
                    is_same = False
            if not is_same:
                forget_all()
                raise ImageError(f"{package.source}: {file.path} changed after it was read; run it again", "BIOT-4004")
    return file_blob(path), f"sha256:{unpacked.hexdigest()}"


def with_code(config: Mapping[str, Any], diff_id: str, handler: str | None) -> dict[str, Any]:
    """Return a base image's config with the handler and one more layer; ``diff_id`` is its uncompressed digest."""
    run = {**(config.get("config") or {}), "WorkingDir": "/var/task"}
    if handler:
        run["Cmd"] = [handler]
    rootfs = config["rootfs"]
    layer = {"created_by": "biot-provider: code", "created": "1980-01-01T00:00:00Z"}
    return {
        **config,
        "config": run,
        "rootfs": {**rootfs, "diff_ids": [*rootfs["diff_ids"], diff_id]},
        "history": [*(config.get("history") or ()), layer],
    }


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["", *("/".join(parts[: end + 1]) for end in range(len(parts)))]


def _member(member: tarfile.TarInfo, mode: int, kind: bytes) -> tarfile.TarInfo:
    member.mode, member.mtime, member.type = mode, _EPOCH, kind
    return member


class _Checked:
    """A file that is hashed while it is read."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._content.read(size)
        self._hash.update(chunk)
        return chunk

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()
