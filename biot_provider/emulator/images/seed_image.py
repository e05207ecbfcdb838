"""The base images of the embedded registry: tiny substitutes for AWS's, with their layout but without a runtime.

The embedded platform runs no images, so nothing in them has to run.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.images.registry import IMAGE_TYPES, REPOSITORY

if TYPE_CHECKING:
    from biot_provider.emulator.images.registry import Registry

SEEDS = {("base/python", "3.13"): "python3.13", ("base/node", "22"): "nodejs22.x"}
"""Repository and tag of each, and the runtime it stands for."""

_ENTRYPOINT = "/lambda-entrypoint.sh"
_SCRIPT = b"#!/bin/sh\necho 'a stand-in of the embedded platform: it runs no images' >&2\nexit 1\n"


def add_seeds(registry: Registry) -> None:
    """Add the base images that are missing."""
    for (repository, tag), runtime in SEEDS.items():
        if tag not in registry.tags(repository):
            add_image(registry, tag, repository=repository, runtime=runtime)


def add_image(registry: Registry, tag: str, *, repository: str = REPOSITORY, runtime: str = "provided") -> str:
    """Store a tiny image for linux/amd64 under a tag; return its digest, which follows from tag and runtime."""
    unpacked = _layer(runtime)
    layer = gzip.compress(unpacked, mtime=0)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": [_ENTRYPOINT],
            "WorkingDir": "/var/task",
            "Env": ["LAMBDA_TASK_ROOT=/var/task", "LAMBDA_RUNTIME_DIR=/var/runtime"],
            "Labels": {"tag": tag},
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(unpacked)]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": IMAGE_TYPES[0],
        "config": _put(registry, repository, json.dumps(config).encode(), "container.image.v1+json"),
        "layers": [_put(registry, repository, layer, "image.rootfs.diff.tar.gzip")],
    }
    return registry.put_manifest(repository, tag, IMAGE_TYPES[0], json.dumps(manifest).encode())


def _layer(runtime: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content, mode in ((_ENTRYPOINT, _SCRIPT, 0o755), ("/var/runtime/name", runtime.encode(), 0o644)):
            member = tarfile.TarInfo(path.removeprefix("/"))
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _put(registry: Registry, repository: str, content: bytes, kind: str) -> dict[str, Any]:
    digest = _digest(content)
    registry.finish_upload(repository, registry.begin_upload(repository), digest, io.BytesIO(content))
    media_type = f"application/vnd.docker.{kind}"
    return {"mediaType": media_type, "size": len(content), "digest": digest}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
