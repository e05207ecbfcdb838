"""Reads a builder's output as one image: an OCI layout, or an archive of `docker save`, streamed from a pipe."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from biot_provider.errors import ImageError
from biot_provider.image.artifact import INDEXES, OCI_MANIFEST, Blob, Image, assembled, check_config, gzipped

_GZIP_LAYERS = ("tar+gzip", "tar.gzip")


def unpack(stream: IO[bytes], folder: Path) -> None:
    """Unpack an archive to disk while it is read. Raises ImageError if it is not an archive."""
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as archive:
            for member in archive:
                _unpack_member(archive, member, folder)
    except (tarfile.TarError, ValueError, OSError) as error:
        raise ImageError(f"what the builder wrote cannot be read: {error}", "BIOT-4037") from None


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Unpack a file or link; not every Python 3.11 has tarfile's filters."""
    target = folder / member.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{member.name!r} leaves the folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member) if member.isfile() else None
    if content is not None:
        with target.open("wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
    elif member.issym():
        # Docker writes a layer that occurs twice as a link to the first; readers follow the link with a check.
        target.symlink_to(member.linkname)


def read_image(folder: Path, scratch: Path, known: Mapping[str, Blob] | None = None) -> Image:
    """Return the image of an unpacked archive. Raises ImageError if AWS Lambda does not run it.

    ``known`` are layers that the repository has already, by their uncompressed digest.
    """
    try:
        # Docker's own list takes precedence: newer versions write both, and their OCI index names two manifests.
        if (folder / "manifest.json").is_file():
            return _saved(folder, scratch, known or {})
        if (folder / "index.json").is_file():
            return _layout(folder, scratch, known or {})
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise ImageError(f"what the builder wrote is no image: {type(error).__name__} {error}", "BIOT-4037") from None
    raise ImageError("what the builder wrote is no image: it has neither index.json nor manifest.json", "BIOT-4037")


def _layout(folder: Path, scratch: Path, known: Mapping[str, Blob]) -> Image:
    """Read an OCI image layout; its index must contain exactly one image for linux/amd64."""
    content = _only(json.loads((folder / "index.json").read_bytes()))
    path = _blob_path(folder, content["digest"])
    while content.get("mediaType") in INDEXES:
        content = _only(json.loads(path.read_bytes()))
        path = _blob_path(folder, content["digest"])
    manifest = json.loads(path.read_bytes())
    config_path = _blob_path(folder, manifest["config"]["digest"])
    config = json.loads(config_path.read_bytes())
    check_config(config, "the image that was built")
    layers = tuple(_blob_path(folder, layer["digest"]) for layer in manifest["layers"])
    if all(str(layer.get("mediaType", "")).endswith(_GZIP_LAYERS) for layer in manifest["layers"]):
        blobs = tuple(
            Blob(layer["digest"], layer["size"], file) for layer, file in zip(manifest["layers"], layers, strict=True)
        )
        config_blob = Blob(manifest["config"]["digest"], manifest["config"]["size"], config_path)
        return Image(path.read_bytes(), manifest.get("mediaType", OCI_MANIFEST), config_blob, blobs)
    return _compressed(config, layers, scratch, known)


def _saved(folder: Path, scratch: Path, known: Mapping[str, Blob]) -> Image:
    (entry,) = json.loads((folder / "manifest.json").read_bytes())
    config = json.loads(_inside(folder, entry["Config"]).read_bytes())
    check_config(config, "the image that was built")
    return _compressed(config, tuple(_inside(folder, layer) for layer in entry["Layers"]), scratch, known)


def _compressed(config: dict[str, Any], layers: tuple[Path, ...], scratch: Path, known: Mapping[str, Blob]) -> Image:
    pairs = [gzipped(layer, scratch / f"{number}.tar.gz", known) for number, layer in enumerate(layers)]
    config["rootfs"] = {"type": "layers", "diff_ids": [diff_id for _, diff_id in pairs]}
    return assembled(config, tuple(blob for blob, _ in pairs), scratch)


def _only(index: dict[str, Any]) -> dict[str, Any]:
    """Return the only runnable image of an index; attestations of a builder do not count."""
    found = [
        item
        for item in index["manifests"]
        if (item.get("platform") or {}).get("os") in (None, "linux")
        and (item.get("platform") or {}).get("architecture") in (None, "amd64")
        and "vnd.docker.reference.type" not in (item.get("annotations") or {})
    ]
    if len(found) != 1:
        raise ImageError(f"the builder wrote {len(found)} images for linux/amd64 in place of one", "BIOT-4037")
    return dict(found[0])


def _blob_path(folder: Path, digest: str) -> Path:
    algorithm, _, name = digest.partition(":")
    return _inside(folder, f"blobs/{algorithm}/{name}")


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(name)
    return path
