"""Archives as builders write them, made by hand: for what no builder here writes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import tarfile
from pathlib import Path
from typing import Any

OCI = "application/vnd.oci.image"
LAYER = f"{OCI}.layer.v1.tar+gzip"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Layout:
    """An OCI image layout in the making."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def blob(self, content: bytes, kind: str, **more: Any) -> dict[str, Any]:
        """Put a blob there; gives what refers to it."""
        self.files[f"blobs/sha256/{digest(content)[7:]}"] = content
        return {"mediaType": kind, "digest": digest(content), "size": len(content), **more}

    def image(
        self,
        layer: bytes = b"",
        kind: str = LAYER,
        architecture: str = "amd64",
        config: dict[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """An image of one layer, that runs as ``config`` says; gives what refers to its manifest."""
        content = layer or gzip.compress(b"canary-layer", mtime=0)
        whole = {"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": ["sha256:0"]}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": self.json(whole | ({"config": config} if config else {}), f"{OCI}.config.v1+json"),
            "layers": [self.blob(content, kind)],
        }
        return self.json(manifest, f"{OCI}.manifest.v1+json", **more)

    def json(self, content: Any, kind: str, **more: Any) -> dict[str, Any]:
        return self.blob(json.dumps(content).encode(), kind, **more)

    def index(self, *manifests: dict[str, Any]) -> dict[str, Any]:
        """An index of these; gives what refers to it."""
        content = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": list(manifests)}
        return self.json(content, f"{OCI}.index.v1+json")

    def write(self, path: Path, *manifests: dict[str, Any]) -> Path:
        """Write the archive, whose top names these."""
        self.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": list(manifests)}).encode()
        return write_tar(path, self.files)


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_big(path: Path, size: int) -> None:
    """An archive with one layer of so many bytes, which do not shrink; they are never all in memory."""
    layer, block = path.with_name("layer.gz"), secrets.token_bytes(1_000_000)
    with layer.open("wb") as raw, gzip.GzipFile("", "wb", 0, raw, mtime=0) as packed:
        for _ in range(size // len(block)):
            packed.write(block)
    with layer.open("rb") as content:
        name = hashlib.file_digest(content, "sha256").hexdigest()
    layout = Layout()
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:0"]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": layout.json(config, f"{OCI}.config.v1+json"),
        "layers": [{"mediaType": LAYER, "digest": f"sha256:{name}", "size": layer.stat().st_size}],
    }
    layout.write(path, layout.json(manifest, f"{OCI}.manifest.v1+json"))
    with tarfile.open(path, "a") as archive:
        archive.add(layer, f"blobs/sha256/{name}")
    layer.unlink()
