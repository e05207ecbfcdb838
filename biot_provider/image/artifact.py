"""An image that is ready to be pushed: its manifest, and the files or repositories of its blobs."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from biot_provider.api.cancellation import stop_if_cancelled
from biot_provider.errors import ImageError

MANIFEST_V2 = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_V2 = "application/vnd.docker.container.image.v1+json"
LAYER_V2 = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """Content named by its digest: in ``file``, or if ``file`` is None, in a registry's repository."""

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
        """The digest of the manifest."""
        return sha256(self.manifest)


def sha256(content: bytes) -> str:
    """Return the digest of the content in OCI's form."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def file_blob(path: Path) -> Blob:
    """Return a file as a blob."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Blob(f"sha256:{digest}", path.stat().st_size, path)


def assembled(config: dict[str, Any], layers: tuple[Blob, ...], folder: Path) -> Image:
    """Return an image in Docker's schema 2 with this config, which is written to a file in the folder."""
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


def check_config(config: Any, image: str) -> None:
    """Raise ImageError if AWS Lambda does not run an image with this config; ``image`` is its name in the error."""
    found = f"{config.get('os')}/{config.get('architecture')}" if isinstance(config, dict) else "of no platform"
    if found != "linux/amd64":
        raise ImageError(f"{image} is {found}: AWS Lambda runs BioT's plugins on linux/amd64", "BIOT-4020")


def gzipped(layer: Path, target: Path, known: Mapping[str, Blob]) -> tuple[Blob, str]:
    """Return a layer in gzip, as Lambda requires: a gzip layer stays as it is, any other is compressed to ``target``.

    ``known`` are blobs of the repository by their uncompressed digest; they are not compressed again. Returns the blob
    and its uncompressed digest. Raises ImageError for zstd.
    """
    with layer.open("rb") as content:
        magic = content.read(4)
        content.seek(0)
        if magic == b"\x28\xb5\x2f\xfd":
            raise ImageError(
                "the builder wrote layers of zstd, which AWS Lambda does not take: have it compress by gzip",
                "BIOT-4021",
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
            shutil.copyfileobj(content, Hashing(packed, unpacked), _CHUNK)
    return file_blob(target), f"sha256:{unpacked.hexdigest()}"


class Hashing(io.RawIOBase):
    """A file that hashes the data written to it and passes it on to ``target``."""

    def __init__(self, target: IO[bytes] | gzip.GzipFile, digest: Any) -> None:
        self._target = target
        self._digest = digest

    def write(self, data: Any, /) -> int:
        """Hash the data and write it to the target. Raises CancelledError."""
        stop_if_cancelled()
        self._digest.update(data)
        self._target.write(data)
        return len(data)
