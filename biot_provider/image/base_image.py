"""Base images: the repositories they are read from, and the checks that AWS Lambda can run them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from biot_provider.errors import ImageError
from biot_provider.image.artifact import Blob, check_config, sha256
from biot_provider.image.distribution import AnonymousToken, Repository
from biot_provider.image.reference import Reference
from biot_provider.image.registry import Registry
from biot_provider.image.registry_errors import ExpiredError, ForbiddenError, exchange

ResultT = TypeVar("ResultT")


class BaseSource(Protocol):
    """A repository from which a base image is read. Methods raise ImageError."""

    def exchange(self, call: Callable[[Repository], ResultT]) -> ResultT:
        """Run one exchange with the repository."""

    def supplies(self, layer: Blob) -> bool:
        """Return whether the platform's repository has a layer, or mounts it now, without a copy through here."""


class PlatformSource:
    """Another repository in the platform's registry, read with the same credentials."""

    def __init__(self, registry: Registry, base: Reference) -> None:
        self._registry = registry
        self._base = base

    def exchange(self, call: Callable[[Repository], ResultT]) -> ResultT:
        """Run one exchange with the repository."""
        action = f"read the base image {self._base}"
        try:
            return self._registry.exchange(action, call, self._base.repository)
        except ForbiddenError as error:
            raise ImageError(
                f"{action}: {error}",
                "BIOT-4023",
                advice="check base_image; the platform's temporary credentials must be allowed to read it",
            ) from None

    def supplies(self, layer: Blob) -> bool:
        """Return whether the platform's repository has a layer, or mounts it now."""
        return self._registry.has_or_mounts(layer.digest, self._base.repository)


class PublicSource:
    """A public repository of another registry."""

    def __init__(self, registry: Registry, base: Reference) -> None:
        self._registry = registry
        self._base = base
        auth = AnonymousToken(base.repository)
        self._repository = Repository(registry.http, f"https://{base.host}", base.repository, auth)

    def exchange(self, call: Callable[[Repository], ResultT]) -> ResultT:
        """Run one exchange with the repository."""
        action = f"read the base image {self._base}"
        try:
            return exchange(action, lambda: call(self._repository))
        except (ExpiredError, ForbiddenError) as error:
            raise ImageError(f"{action}: {error}", "BIOT-4023", advice="check base_image; it must be public") from None

    def supplies(self, layer: Blob) -> bool:
        """Return whether the platform's repository has a layer."""
        return self._registry.has_blob(layer.digest)


def read_base(base: Reference, source: BaseSource, folder: Path) -> tuple[dict[str, Any], tuple[Blob, ...]]:
    """Return the config and the layers of a base image for linux/amd64; the layers are not downloaded.

    Raises ImageError if there is no such image, or AWS Lambda cannot run it.
    """
    try:
        manifest = _manifest(source, base.version)
        if "manifests" in manifest:
            manifest = _manifest(source, _for_lambda(manifest, base))
        config = json.loads(fetch(source, manifest["config"]["digest"], folder).read_bytes())
        check_config(config, f"the base image {base}")
        for layer in manifest["layers"]:
            if not str(layer["mediaType"]).endswith("gzip"):
                raise ImageError(
                    f"the base image {base} has layers that are not gzip, which AWS Lambda does not take", "BIOT-4021"
                )
        return config, tuple(Blob(layer["digest"], layer["size"]) for layer in manifest["layers"])
    except (ValueError, KeyError, TypeError) as error:
        raise ImageError(
            f"read the base image {base}: the registry's answer is no image ({error})", "BIOT-4014"
        ) from None


def fetch(source: BaseSource, digest: str, folder: Path) -> Path:
    """Write a blob of a base image to a file in the folder. Raises ImageError."""
    path = folder / digest.replace(":", "-")
    source.exchange(lambda repository: repository.download(digest, path))
    return path


def _manifest(source: BaseSource, version: str) -> dict[str, Any]:
    content = source.exchange(lambda repository: repository.manifest(version))
    if version.startswith("sha256:") and sha256(content) != version:
        raise ValueError(f"it is not {version}")
    return dict(json.loads(content))


def _for_lambda(index: dict[str, Any], base: Reference) -> str:
    """Return the digest of an index's image for linux/amd64."""
    for item in index["manifests"]:
        platform = item.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return str(item["digest"])
    raise ImageError(f"the base image {base} has no image for linux/amd64, which AWS Lambda runs", "BIOT-4020")
