"""Builds and pushes an image once for each digest: an existing tag in the repository stays unchanged."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from biot_provider.api.cancellation import Cancellation, allowed_until
from biot_provider.errors import BiotError, CancelledError, ImageError, shown_size
from biot_provider.image.artifact import Blob, Image, assembled
from biot_provider.image.base_image import BaseSource, PlatformSource, PublicSource, fetch, read_base
from biot_provider.image.code import MAX_CODE_BYTES, code_layer, package_digest, with_code
from biot_provider.image.dockerfile.archive import read_image
from biot_provider.image.dockerfile.builders import find_builder, run_build
from biot_provider.image.dockerfile.context import read_context
from biot_provider.image.dockerfile.options import Options
from biot_provider.image.dockerfile.staged import stage
from biot_provider.image.reference import EMBEDDED_HOST, Reference
from biot_provider.image.registry import Registry
from biot_provider.image.registry_errors import ForbiddenError
from biot_provider.package.package import reread_package
from biot_provider.package.temporary import reporting_no_room

if TYPE_CHECKING:
    from biot_provider.image.credentials import RegistryLogin
    from biot_provider.image.model import PluginImageInputs

_END_SECONDS = 3.5
"""Seconds for a builder to end, and its files to be removed, after the run was cancelled."""
_LAST_LOOK_SECONDS = 1.0


class Published(NamedTuple):
    """The location of a pushed image."""

    digest: str
    repository_uri: str


@dataclass(frozen=True, slots=True)
class Publisher:
    """Builds and pushes images; ``report`` shows one line to the user."""

    login: RegistryLogin
    report: Callable[[str], None]
    cancellation: Cancellation

    def publish(self, inputs: PluginImageInputs, before: str | None = None) -> Published:
        """Ensure that the image is in the repository under its tag. Raises ImageError, and CancelledError.

        ``before`` is the tag of the previous version: its layers are not compressed and pushed again. When the run is
        cancelled, the builder is ended; layers that were pushed without a tag have no effect.
        """
        action = f"publish image {inputs.name!r}"
        stages: list[str] = []
        try:
            return self.cancellation.run(
                action, lambda: self._publish(inputs, before, stages), end_seconds=_END_SECONDS
            )
        except CancelledError:
            return self._cancelled(action, str(inputs.image_tag), stages)

    def _cancelled(self, action: str, tag: str, stages: list[str]) -> Published:
        """Return the image's location if its tag was pushed in spite of the cancellation. Raises ImageError."""
        if "tag" not in stages:
            pushed = f"while its layers were pushed; the tag {tag!r} was not"
            stage = pushed if "layers" in stages else "before anything was pushed"
            raise ImageError(f"{action}: cancelled {stage}", "BIOT-4002", advice="run `pulumi up` again")
        with allowed_until(time.monotonic() + _LAST_LOOK_SECONDS):
            registry = Registry(self.login)
            try:
                digest = self.cancellation.run(action, lambda: registry.find(tag))
            except (BiotError, ForbiddenError):
                digest = None
        if digest is not None:
            return Published(digest, registry.uri)
        raise ImageError(
            f"{action}: cancelled while the tag {tag!r} was pushed; what became of it is not known",
            "BIOT-4002",
            advice="run `pulumi up` again: it looks for the tag, and pushes what is missing",
        )

    def _publish(self, inputs: PluginImageInputs, before: str | None, stages: list[str]) -> Published:
        tag = str(inputs.image_tag)
        registry = Registry(self.login)
        try:
            digest = registry.find(tag)
        except ForbiddenError:
            digest = None  # an identity may be allowed to push but not to read
        if digest is not None:
            return Published(digest, registry.uri)
        with reporting_no_room(), tempfile.TemporaryDirectory(prefix="biot-image-") as folder:
            if inputs.context:
                image = self._built(inputs, registry, Path(folder), before)
            else:
                image = self._layered(inputs, registry, Path(folder))
            absent = registry.absent(image)
            with self._stage(inputs, f"pushing {shown_size(sum(blob.size for blob in absent))} as {tag}", "pushed"):
                try:
                    digest = registry.push(tag, image, absent, stages.append)
                except ForbiddenError as error:
                    raise ImageError(
                        f"push image {inputs.name!r} to {registry.uri}: {error}",
                        "BIOT-4001",
                        advice="ask BioT whether the temporary credentials may push to this repository",
                    ) from None
        return Published(digest, registry.uri)

    def _built(self, inputs: PluginImageInputs, registry: Registry, folder: Path, before: str | None) -> Image:
        """Build an image from a folder with a Dockerfile."""
        context = read_context(Path(str(inputs.context)), inputs.dockerfile)
        if context.digest(build_args=inputs.build_args or {}, target=inputs.target) != inputs.context_digest:
            raise ImageError(f"{context.folder} changed after it was read; run it again", "BIOT-4004")
        builder = find_builder(inputs.builder, with_secrets=bool(inputs.secrets))
        staged, scratch = folder / "staged", folder / "scratch"
        for path in (staged, scratch):
            path.mkdir()
        with self._stage(inputs, f"building {shown_size(context.size)} by {builder.name}", "built"):
            options = Options(inputs.target, inputs.build_args or {}, inputs.secrets or {})
            output = run_build(builder, stage(context, staged), options, folder)
            return read_image(output, scratch, _known_layers(registry, before, folder))

    def _layered(self, inputs: PluginImageInputs, registry: Registry, folder: Path) -> Image:
        """Add code to a base image as one more layer, without a builder."""
        package = reread_package(Path(str(inputs.code)), limit=MAX_CODE_BYTES)
        if package_digest(package, inputs) != inputs.context_digest:
            raise ImageError(f"{package.source} changed after it was read; run it again", "BIOT-4004")
        reference = Reference.parse(str(inputs.base_image))
        source = self._source(reference, registry)
        config, layers = read_base(reference, source, folder)
        layer, diff_id = code_layer(package, folder)
        # Within one registry the base's layers are mounted; between two they are copied via this machine's disk.
        missing = [blob for blob in layers if not source.supplies(blob)]
        note = f"reading {shown_size(sum(blob.size for blob in missing))} of {reference}"
        with self._stage(inputs, note, "read") if missing else nullcontext():
            files = {blob.digest: fetch(source, blob.digest, folder) for blob in missing}
        kept = tuple(replace(blob, file=files.get(blob.digest)) for blob in layers)
        return assembled(with_code(config, diff_id, inputs.handler), (*kept, layer), folder)

    def _source(self, reference: Reference, registry: Registry) -> BaseSource:
        """Return the repository from which the base image is read."""
        access = self.login.access()
        if reference.host == EMBEDDED_HOST:
            if not access.embedded:
                raise ImageError(
                    f"base_image {reference}: only the embedded platform has it",
                    "BIOT-4005",
                    advice="name one of AWS's, such as public.ecr.aws/lambda/python:3.13, for this stack",
                )
            return PlatformSource(registry, reference)
        if reference.host == access.host:
            return PlatformSource(registry, reference)
        return PublicSource(registry, reference)

    @contextmanager
    def _stage(self, inputs: PluginImageInputs, starts: str, ended: str) -> Iterator[None]:
        self.report(f"image {inputs.name!r}: {starts} ...")
        start = time.monotonic()
        yield
        self.report(f"image {inputs.name!r}: {ended} in {time.monotonic() - start:.1f} s")


def _known_layers(registry: Registry, tag: str | None, folder: Path) -> Mapping[str, Blob]:
    """Return the layers of an image in the repository by uncompressed digest; none if it cannot be read."""
    if tag is None:
        return {}
    host, _, repository = registry.uri.partition("/")
    reference = Reference(host, repository, tag)
    try:
        config, layers = read_base(reference, PlatformSource(registry, reference), folder)
    except ImageError:
        return {}  # the layers would only have saved time
    return dict(zip(config["rootfs"]["diff_ids"], layers, strict=False))
