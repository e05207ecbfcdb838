"""The one pusher, and the one reader of base images: the OCI distribution API through ``dxf``.

Blobs are streamed from files, one PUT each (Amazon ECR drops what a second PATCH brings); the manifest comes last, so
that a tag is visible only when all of its image is there. Nothing holds a layer in memory.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from biot_provider.errors import ImageError
from biot_provider.image.artifact import INDEXES, Blob, Image, check_config, sha256
from biot_provider.image.credentials import Access, RegistryLogin, require_libraries
from biot_provider.image.reference import Reference
from biot_provider.image.registry_errors import (
    STALL_SECONDS,
    ExpiredError,
    ForbiddenError,
    ImmutableTagError,
    translated,
)

if TYPE_CHECKING:
    from dxf import DXF

_ACCEPT = ", ".join(
    [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        *sorted(INDEXES),
    ]
)
_CHUNK = 1 << 20

ResultT = TypeVar("ResultT")


class Readable(ABC):
    """A repository that a base image can be read from."""

    def get(self, version: str) -> str:
        """A manifest of the base image, as JSON text. Raises ImageError."""
        return str(self._read(lambda dxf: _get(dxf, version)))

    def download(self, digest: str, target: Path) -> None:
        """Write a blob of the base image into a file. Raises ImageError."""
        self._read(lambda dxf: _download(dxf, digest, target))

    @abstractmethod
    def _read(self, ask: Callable[[DXF], Any]) -> Any: ...


class Registry(Readable):
    """The platform's repository, asked with its credentials; these are fetched anew once when they have expired.

    With a ``base`` it is another repository of the same registry, which that base image is read from.
    """

    def __init__(self, login: RegistryLogin, base: Reference | None = None) -> None:
        self._login = login
        self._base = base

    @property
    def uri(self) -> str:
        """Host and repository."""
        return self._login.access().uri

    def find(self, tag: str) -> str | None:
        """The digest of a tag; None when it is not there. Raises ForbiddenError where looking is not allowed."""

        def look(dxf: Any, method: str) -> str:
            answer = dxf._request(method, f"manifests/{tag}", headers={"Accept": _ACCEPT})
            return str(answer.headers.get("Docker-Content-Digest") or sha256(answer.content))

        asked = f"look for the tag {tag!r}"
        try:
            found: str | None = self._ask(asked, lambda dxf: look(dxf, "head"), missing=None)
        except ForbiddenError:
            # The answer to a HEAD does not say why: a token that has expired is refused so by ECR, too.
            found = self._ask(asked, lambda dxf: look(dxf, "get"), missing=None)
        return found

    def absent(self, image: Image) -> list[Blob]:
        """The blobs that must be pushed: those with a file, unless the repository has them."""
        blobs = {blob.digest: blob for blob in (*image.layers, image.config) if blob.file is not None}
        return [blob for digest, blob in blobs.items() if not self.has_blob(digest)]

    def push(self, tag: str, image: Image, absent: list[Blob]) -> str:
        """Push an image under a tag, whose blobs are there but for these. Gives the digest that the tag then has.

        A tag that is there already and cannot change is taken as it is: it names the same content. Raises
        ForbiddenError where pushing is not allowed.
        """
        for blob in absent:
            self._push_blob(blob)

        def put(dxf: Any) -> None:
            dxf._request("put", f"manifests/{tag}", data=image.manifest, headers={"Content-Type": image.media_type})

        try:
            self._ask(f"push the tag {tag!r}", put)
        except ImmutableTagError:
            with suppress(ForbiddenError):
                return self.find(tag) or image.digest
        return image.digest

    def _push_blob(self, blob: Blob) -> None:
        def push(dxf: DXF) -> None:
            dxf.push_blob(filename=str(blob.file), check_exists=False)

        self._ask(f"push the layer {blob.digest[:19]} ({megabytes(blob.size)})", push)

    def _mount(self, blob: Blob, source: Reference) -> bool:
        """Have the registry take a blob over from another repository of its own."""
        from dxf.exceptions import DXFMountFailed

        def mount(dxf: DXF) -> bool:
            try:
                dxf.mount_blob(source.repository, blob.digest)
            except DXFMountFailed:
                return False
            return True

        return bool(self._ask(f"take over the layer {blob.digest[:19]}", mount, missing=False))

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has a blob; where looking is not allowed, it counts as one it has not."""

        def ask(dxf: DXF) -> bool:
            dxf.blob_size(digest)
            return True

        try:
            return bool(self._ask(f"look for the layer {digest[:19]}", ask, missing=False))
        except ForbiddenError:
            return False

    def mounts(self, blob: Blob, source: Reference) -> bool:
        """Whether a blob of another repository is, or now has been put, into this one without being copied."""
        try:
            return self.has_blob(blob.digest) or self._mount(blob, source)
        except ForbiddenError:
            return False

    def _read(self, ask: Callable[[DXF], Any]) -> Any:
        asked = f"read the base image {self._base}"
        try:
            return self._ask(asked, ask)
        except ForbiddenError as error:
            raise ImageError(
                f"{asked}: {error}. What to do: check base_image; the platform's temporary credentials must be"
                " allowed to read it"
            ) from None

    def _ask(self, asked: str, ask: Callable[[DXF], ResultT], *, missing: Any = ...) -> Any:
        access = self._login.access()
        try:
            return self._once(access, asked, ask, missing)
        except ExpiredError:
            # A request that was refused so has done nothing.
            access = self._login.access(instead_of=access)
        try:
            return self._once(access, asked, ask, missing)
        except ExpiredError as error:
            raise ImageError(
                f"{asked}{self._place(access)}: {error}, though the credentials are new; run `pulumi up` again"
            ) from None

    def _once(self, access: Access, asked: str, ask: Callable[[DXF], ResultT], missing: Any) -> Any:
        repository = self._base.repository if self._base else access.repository
        with _opened(access.host, repository, embedded=access.embedded) as dxf:
            if access.embedded:
                dxf.token = access.token  # over plain http dxf sends no Basic credentials
            else:
                dxf._headers = {"Authorization": f"Basic {access.token}"}
            place = self._place(access)
            return translated(f"{asked}{place}", lambda: ask(dxf), missing, access.secrets, embedded=access.embedded)

    def _place(self, access: Access) -> str:
        return "" if self._base else f" in {access.uri}"


class PublicRegistry(Readable):
    """A repository that anybody may read: base images."""

    def __init__(self, base: Reference) -> None:
        self._base = base

    def _read(self, ask: Callable[[DXF], Any]) -> Any:
        asked = f"read the base image {self._base}"

        def log_in(dxf: Any, response: Any) -> None:
            dxf.authenticate(response=response, actions=["pull"])

        with _opened(self._base.host, self._base.repository, embedded=False, auth=log_in) as dxf:
            try:
                return translated(asked, lambda: ask(dxf), ..., ())
            except (ExpiredError, ForbiddenError) as error:
                raise ImageError(f"{asked}: {error}. What to do: check base_image; it must be public") from None


def read_base(base: Reference, registry: Readable, folder: Path) -> tuple[dict[str, Any], tuple[Blob, ...]]:
    """A base image for linux/amd64: its config, and its layers, which stay where they are.

    Raises ImageError when there is none, or none that AWS Lambda runs.
    """
    try:
        manifest = _manifest(registry, base.version)
        if "manifests" in manifest:
            manifest = _manifest(registry, _for_lambda(manifest, base))
        path = folder / "base.json"
        registry.download(manifest["config"]["digest"], path)
        config = json.loads(path.read_bytes())
        check_config(config, f"the base image {base}")
        for layer in manifest["layers"]:
            if not str(layer["mediaType"]).endswith("gzip"):
                raise ImageError(f"the base image {base} has layers that are not gzip, which AWS Lambda does not take")
        return config, tuple(Blob(layer["digest"], layer["size"]) for layer in manifest["layers"])
    except (ValueError, KeyError, TypeError) as error:
        raise ImageError(f"read the base image {base}: the registry's answer is no image ({error})") from None


def _manifest(registry: Readable, version: str) -> dict[str, Any]:
    text = registry.get(version)
    if version.startswith("sha256:") and sha256(text.encode()) != version:
        raise ValueError(f"it is not {version}")
    return dict(json.loads(text))


def _for_lambda(index: dict[str, Any], base: Reference) -> str:
    """The digest of an index's image for linux/amd64."""
    for item in index["manifests"]:
        platform = item.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return str(item["digest"])
    raise ImageError(f"the base image {base} has no image for linux/amd64, which AWS Lambda runs")


def megabytes(size: int) -> str:
    """A size as a person reads it."""
    return f"{size / 1e6:.1f} MB" if size >= 50_000 else f"{size / 1e3:.1f} kB"


@contextmanager
def _opened(host: str, repository: str, *, embedded: bool, auth: Any = None) -> Iterator[DXF]:
    require_libraries()
    from dxf import DXF

    with DXF(host, repository, auth, insecure=embedded, timeout=STALL_SECONDS) as dxf:
        session: Any = dxf._sessions[0]
        session.auth = lambda request: request  # or a user's .netrc would have its way with the header
        session.trust_env = not embedded
        yield dxf


def _get(dxf: Any, version: str) -> str:
    from biot_provider.api.transport import is_cut_json

    text = str(dxf._request("get", f"manifests/{version}", headers={"Accept": _ACCEPT}).content.decode())
    if is_cut_json(text):
        raise ConnectionError("the manifest is cut off")
    return text


def _download(dxf: Any, digest: str, target: Path) -> None:
    with target.open("wb") as file:
        for chunk in dxf.pull_blob(digest, chunk_size=_CHUNK):
            file.write(chunk)
