"""The images of plugins: the platform's requirements, and its ownership of images (BioT API 2.4.2, plugins).

A tag must be in the platform's repository when a plugin names it. From then on the platform owns the image, and deletes
it with the last plugin that uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from biot_provider.emulator.http.errors import ApiError, aws
from biot_provider.emulator.http.json_body import read_json
from biot_provider.emulator.images.registry import IMAGE_TYPES, REPOSITORY, RegistryError
from biot_provider.emulator.images.seed_image import add_image

if TYPE_CHECKING:
    from biot_provider.emulator.images.registry import Manifest, Registry

_LAYER_TYPES = (
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar+gzip",
)


class Images:
    """The platform's own repository of plugin images."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def require(self, tag: str) -> None:
        """Refuse a missing tag, and an image that AWS Lambda would not accept for x86_64."""
        try:
            manifest = self._registry.manifest(REPOSITORY, tag)
        except RegistryError:
            raise ApiError(404, "PLUGIN_IMAGE_TAG_NOT_FOUND", f"Image tag [{tag}] not found") from None
        self._check(manifest)

    def remove(self, tag: str) -> None:
        """Delete an image that no plugin uses any more; the caller holds the database's write lock."""
        self._registry.remove_tag(REPOSITORY, tag)

    def tags(self) -> dict[str, str]:
        """Return the digest of each tag in the repository."""
        return self._registry.tags(REPOSITORY)

    def add(self, tag: str) -> str:
        """Store a tiny image under a tag, as if somebody had pushed it; return its digest."""
        return add_image(self._registry, tag)

    def _check(self, manifest: Manifest) -> None:
        document = manifest.document
        try:
            layers = {layer.get("mediaType") for layer in document.get("layers", [])}
            if manifest.media_type not in IMAGE_TYPES or not layers.issubset(_LAYER_TYPES):
                raise _unsupported()
            config = read_json(self._registry.blob(REPOSITORY, document["config"]["digest"]).read_bytes())
            platform = f"{config['os']}/{config['architecture']}"
        except (ValueError, TypeError, KeyError):
            raise _unsupported() from None
        if platform != "linux/amd64":
            raise aws("InvalidParameterValueException", f"The image is for {platform}, the function for linux/amd64.")


def _unsupported() -> ApiError:
    message = "The image manifest, config or layer media type for the source image is not supported."
    return aws("InvalidParameterValueException", message)
