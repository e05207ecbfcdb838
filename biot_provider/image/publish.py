"""An image is built and pushed once for each digest: what is in the repository already is left as it is."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from biot_provider.errors import ImageError
from biot_provider.image.archive import read_image
from biot_provider.image.artifact import Blob, Image, assembled, check_names, code_layer
from biot_provider.image.build import Recipe, find_builder, run_build
from biot_provider.image.context import read_context, recipe_digest
from biot_provider.image.reference import EMBEDDED_HOST, Reference
from biot_provider.image.registry import PublicRegistry, Readable, Registry, megabytes, read_base
from biot_provider.image.registry_errors import ForbiddenError
from biot_provider.image.staged import stage
from biot_provider.package.package import read_package

if TYPE_CHECKING:
    from biot_provider.image.credentials import RegistryLogin
    from biot_provider.image.model import PluginImageInputs
    from biot_provider.package.package import Package

MAX_CODE_BYTES = 10 * 1024**3
"""AWS Lambda quotas, container image code package size: uncompressed, with all layers."""


def package_digest(package: Package, inputs: PluginImageInputs) -> str:
    """What decides whether code on a base image is pushed: SHA-256, in hex.

    Raises ImageError for a name that a layer cannot hold.
    """
    check_names(package)
    return recipe_digest({"code": package.digest, "base_image": inputs.base_image, "handler": inputs.handler})


class Published(NamedTuple):
    """Where an image is."""

    digest: str
    repository_uri: str


@dataclass(frozen=True, slots=True)
class Publisher:
    """Builds and pushes; ``tell`` shows the user one line."""

    login: RegistryLogin
    tell: Callable[[str], None]

    def publish(self, inputs: PluginImageInputs, before: str | None = None) -> Published:
        """Make sure that the image is in the repository under its tag. Raises ImageError.

        ``before`` is the tag of the version before, whose layers are not compressed and pushed again.
        """
        tag = str(inputs.image_tag)
        registry = Registry(self.login)
        try:
            digest = registry.find(tag)
        except ForbiddenError:
            digest = None  # pushing may be allowed where looking is not
        if digest is not None:
            return Published(digest, registry.uri)
        with tempfile.TemporaryDirectory(prefix="biot-image-") as folder:
            if inputs.context:
                image = self._built(inputs, registry, Path(folder), before)
            else:
                image = self._layered(inputs, registry, Path(folder))
            absent = registry.absent(image)
            with self._stage(inputs, f"pushing {megabytes(sum(blob.size for blob in absent))} as {tag}", "pushed"):
                try:
                    digest = registry.push(tag, image, absent)
                except ForbiddenError as error:
                    raise ImageError(
                        f"push image {inputs.name!r} to {registry.uri}: {error}. What to do: ask BioT whether the"
                        " temporary credentials may push to this repository"
                    ) from None
        return Published(digest, registry.uri)

    def _built(self, inputs: PluginImageInputs, registry: Registry, folder: Path, before: str | None) -> Image:
        """From a folder with a Dockerfile."""
        context = read_context(Path(str(inputs.context)), inputs.dockerfile)
        if context.digest(build_args=inputs.build_args, target=inputs.target) != inputs.context_digest:
            raise ImageError(f"{context.folder} changed after it was read; run it again")
        builder = find_builder(inputs.builder)
        staged, scratch = folder / "staged", folder / "scratch"
        for path in (staged, scratch):
            path.mkdir()
        with self._stage(inputs, f"building {megabytes(context.size)} by {builder.name}", "built"):
            recipe = Recipe(inputs.target, inputs.build_args)
            output = run_build(builder, stage(context, staged), recipe, folder)
            return read_image(output, scratch, _known_layers(registry, before, folder))

    def _layered(self, inputs: PluginImageInputs, registry: Registry, folder: Path) -> Image:
        """From a base image and code: one more layer, no builder."""
        package = read_package(Path(str(inputs.code)), limit=MAX_CODE_BYTES)
        if package_digest(package, inputs) != inputs.context_digest:
            raise ImageError(f"{package.source} changed after it was read; run it again")
        reference = Reference.parse(str(inputs.base_image))
        source, reader = self._base(reference, registry)
        config, layers = read_base(reference, reader, folder)
        layer, diff_id = code_layer(package, folder)
        # Within one registry the base's layers are taken over; between two they go by this machine's disk.
        missing = [
            blob for blob in layers if not (registry.mounts(blob, source) if source else registry.has_blob(blob.digest))
        ]
        note = f"reading {megabytes(sum(blob.size for blob in missing))} of {reference}"
        with self._stage(inputs, note, "read") if missing else nullcontext():
            fetched = {blob.digest: _fetched(blob, reader, folder) for blob in missing}
        kept = tuple(fetched.get(blob.digest, blob) for blob in layers)
        return assembled(_with_code(config, diff_id, inputs), (*kept, layer), folder)

    def _base(self, reference: Reference, registry: Registry) -> tuple[Reference | None, Readable]:
        """Where the base image is read, and from where its layers can be mounted."""
        access = self.login.access()
        if reference.host == EMBEDDED_HOST:
            if not access.embedded:
                raise ImageError(
                    f"base_image {reference}: only the embedded platform has it. What to do: name one of AWS's, such as"
                    " public.ecr.aws/lambda/python:3.13, for this stack"
                )
            return reference, Registry(self.login, reference)
        if reference.host == access.host:
            return reference, Registry(self.login, reference)
        return None, PublicRegistry(reference)

    @contextmanager
    def _stage(self, inputs: PluginImageInputs, starts: str, ended: str) -> Iterator[None]:
        self.tell(f"image {inputs.name!r}: {starts} ...")
        start = time.monotonic()
        yield
        self.tell(f"image {inputs.name!r}: {ended} in {time.monotonic() - start:.1f} s")


def _known_layers(registry: Registry, tag: str | None, folder: Path) -> Mapping[str, Blob]:
    """The layers of an image in the repository, by their digests unpacked; none where it cannot be read."""
    if tag is None:
        return {}
    host, _, repository = registry.uri.partition("/")
    try:
        config, layers = read_base(Reference(host, repository, tag), registry, folder)
    except (ImageError, ForbiddenError):
        return {}  # it would only have saved time
    return dict(zip(config["rootfs"]["diff_ids"], layers, strict=False))


def _fetched(blob: Blob, reader: Readable, folder: Path) -> Blob:
    path = folder / blob.digest.replace(":", "-")
    reader.download(blob.digest, path)
    return Blob(blob.digest, blob.size, path)


def _with_code(config: dict[str, object], diff_id: str, inputs: PluginImageInputs) -> dict[str, object]:
    """The base's config with one layer more, and the handler to run."""
    run = dict(config.get("config") or {})  # type: ignore[call-overload]
    run |= {"WorkingDir": "/var/task"} | ({"Cmd": [inputs.handler]} if inputs.handler else {})
    rootfs = dict(config["rootfs"])  # type: ignore[call-overload]
    history = [*(config.get("history") or ()), {"created_by": "biot-provider: code", "created": "1980-01-01T00:00:00Z"}]  # type: ignore[misc]
    return config | {"config": run, "rootfs": rootfs | {"diff_ids": [*rootfs["diff_ids"], diff_id]}, "history": history}
