"""An image that is ready to be pushed: its manifest, and the files or places its blobs come from."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from biot_provider.errors import ImageError
from biot_provider.package.ignore import BIOTIGNORE

if TYPE_CHECKING:
    from biot_provider.package.package import Package

MANIFEST_V2 = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_V2 = "application/vnd.docker.container.image.v1+json"
LAYER_V2 = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)

_WHITEOUT = ".wh."
_EPOCH = 315532800
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes named by their digest: in ``file``, or in a registry's repository where ``file`` is None."""

    digest: str
    size: int
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """One image for linux/amd64: its manifest byte for byte, its config and its layers."""

    manifest: bytes
    media_type: str
    config: Blob
    layers: tuple[Blob, ...]

    @property
    def digest(self) -> str:
        """The manifest's."""
        return sha256(self.manifest)


def sha256(content: bytes) -> str:
    """A digest as OCI writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def file_blob(path: Path) -> Blob:
    """A file as a blob."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Blob(f"sha256:{digest}", path.stat().st_size, path)


def assembled(config: dict[str, Any], layers: tuple[Blob, ...], folder: Path) -> Image:
    """An image of Docker's schema 2 with this config, which is written into the folder."""
    path = folder / "config.json"
    path.write_bytes(json.dumps(config, sort_keys=True).encode())
    blob = file_blob(path)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_V2,
        "config": {"mediaType": CONFIG_V2, "size": blob.size, "digest": blob.digest},
        "layers": [{"mediaType": LAYER_V2, "size": layer.size, "digest": layer.digest} for layer in layers],
    }
    return Image(json.dumps(manifest, indent=2).encode(), MANIFEST_V2, blob, layers)


def check_config(config: Any, whose: str) -> None:
    """Refuse an image that AWS Lambda would not run here. Raises ImageError."""
    found = f"{config.get('os')}/{config.get('architecture')}" if isinstance(config, dict) else "of no platform"
    if found != "linux/amd64":
        raise ImageError(f"{whose} is {found}: AWS Lambda runs BioT's plugins on linux/amd64")


def check_names(package: Package) -> None:
    """Refuse a name that in a layer takes files of the image away (OCI image layer specification, whiteouts).

    Raises ImageError.
    """
    for file in package.files:
        if any(part.startswith(_WHITEOUT) for part in file.path.split("/")):
            raise ImageError(
                f"{package.source}: {file.path} has a name by which a layer takes files of the image away"
                f" ({_WHITEOUT}): rename it, or name it in {BIOTIGNORE}"
            )


def code_layer(package: Package, folder: Path) -> tuple[Blob, str]:
    """A plugin's files as one gzip layer below /var/task, and the digest of the layer unpacked.

    It depends on nothing but the files. Raises ImageError when one changed after it was read.
    """
    from biot_provider.package.source import opened
    from biot_provider.package.source_file import reading

    path = folder / "code.tar.gz"
    unpacked = hashlib.sha256()
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=_Hashing(packed, unpacked), mode="w|", format=tarfile.PAX_FORMAT) as archive,
        opened(package.source) as open_file,
    ):
        for folder_name in sorted({parent for file in package.files for parent in _parents(file.path)}):
            archive.addfile(_member(f"var/task/{folder_name}".rstrip("/"), 0o755, tarfile.DIRTYPE))
        for file in package.files:
            member = _member(f"var/task/{file.path}", 0o755 if file.executable else 0o644, tarfile.REGTYPE)
            member.size = file.size
            with reading(package.source, file.path), open_file(file.path) as content:
                checked = _Checked(content)
                try:
                    archive.addfile(member, checked)
                    is_same = checked.digest == file.digest
                except (OSError, tarfile.TarError):  # it is shorter now
                    is_same = False
            if not is_same:
                raise ImageError(f"{package.source}: {file.path} changed after it was read; run it again")
    return file_blob(path), f"sha256:{unpacked.hexdigest()}"


def gzipped(layer: Path, target: Path, known: Mapping[str, Blob]) -> tuple[Blob, str]:
    """A layer as Lambda wants it, gzip; one that is it already stays, another is written to ``target``.

    ``known`` are blobs of the repository by their digest unpacked, which are not compressed again. Gives the blob and
    the digest unpacked. Raises ImageError for zstd.
    """
    with layer.open("rb") as content:
        magic = content.read(4)
        content.seek(0)
        if magic == b"\x28\xb5\x2f\xfd":
            raise ImageError(
                "the builder wrote layers of zstd, which AWS Lambda does not take: have it compress by gzip"
            )
        unpacked = hashlib.sha256()
        if magic.startswith(b"\x1f\x8b"):
            with gzip.open(content) as plain:
                while chunk := plain.read(_CHUNK):
                    unpacked.update(chunk)
            return file_blob(layer), f"sha256:{unpacked.hexdigest()}"
        if known and (diff_id := file_blob(layer).digest) in known:
            return known[diff_id], diff_id
        with target.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
            shutil.copyfileobj(content, _Hashing(packed, unpacked), _CHUNK)
    return file_blob(target), f"sha256:{unpacked.hexdigest()}"


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["", *("/".join(parts[: end + 1]) for end in range(len(parts)))]


def _member(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode, member.mtime, member.type = mode, _EPOCH, kind
    return member


class _Hashing(io.RawIOBase):
    """Hands on what is written, and hashes it."""

    def __init__(self, target: IO[bytes] | gzip.GzipFile, digest: Any) -> None:
        self._target = target
        self._digest = digest

    def write(self, data: Any, /) -> int:
        self._digest.update(data)
        self._target.write(data)
        return len(data)


class _Checked:
    """Hashes what is read."""

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
