"""The platform's image repository: finds tags and blobs, and pushes images.

The manifest is pushed last, so that a tag is visible only when its image is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from biot_provider.errors import ImageError, shown_size
from biot_provider.image.artifact import Blob, Image
from biot_provider.image.credentials import Access, RegistryLogin
from biot_provider.image.distribution import Authorization, Repository, open_http
from biot_provider.image.registry_errors import ExpiredError, ForbiddenError, ImmutableTagError, exchange

ResultT = TypeVar("ResultT")


class Registry:
    """The platform's repository, with its credentials, which are fetched again once when they have expired.

    Its requests share connections, which are closed with it. Methods raise ImageError.
    """

    def __init__(self, login: RegistryLogin) -> None:
        self.http = open_http()
        self._login = login

    @property
    def uri(self) -> str:
        """Host and repository."""
        return self._login.access().uri

    def find(self, tag: str) -> str | None:
        """Return the digest of a tag; None if there is no such tag. Raises ForbiddenError if reading is not allowed."""
        action = f"look for the tag {tag!r}"
        try:
            return self.exchange(action, lambda repository: repository.manifest_digest(tag))
        except ForbiddenError:
            # A response to HEAD has no reason, and ECR refuses an expired token with the same status.
            return self.exchange(action, lambda repository: repository.manifest_digest(tag, "GET"))

    def absent(self, image: Image) -> list[Blob]:
        """Return the blobs that must be pushed: those with a file, unless the repository has them."""
        blobs = {blob.digest: blob for blob in (*image.layers, image.config) if blob.file is not None}
        return [blob for digest, blob in blobs.items() if not self.has_blob(digest)]

    def push(self, tag: str, image: Image, absent: list[Blob], begin: Callable[[str], None]) -> str:
        """Push an image under a tag, with the blobs that are ``absent`` in the repository; return the tag's digest.

        ``begin`` is called with ``layers`` and with ``tag`` before these are pushed. An existing immutable tag is
        accepted, since it names the same content. Raises ForbiddenError if pushing is not allowed.
        """
        begin("layers")
        for blob in absent:
            self._upload(blob)
        begin("tag")
        try:
            self.exchange(
                f"push the tag {tag!r}",
                lambda repository: repository.put_manifest(tag, image.media_type, image.manifest),
            )
        except ImmutableTagError:
            with suppress(ForbiddenError):
                return self.find(tag) or image.digest
        return image.digest

    def _upload(self, blob: Blob) -> None:
        action = f"push the layer {blob.digest[:19]} ({shown_size(blob.size)})"
        self.exchange(action, lambda repository: repository.upload(blob))

    def has_blob(self, digest: str) -> bool:
        """Return whether the repository has a blob; if reading is not allowed, the blob counts as absent."""
        try:
            return self.exchange(f"look for the layer {digest[:19]}", lambda repository: repository.has_blob(digest))
        except ForbiddenError:
            return False

    def has_or_mounts(self, digest: str, source: str) -> bool:
        """Return whether the repository has a blob, or mounts it now from another repository of the registry."""
        action = f"take over the layer {digest[:19]}"
        try:
            return self.has_blob(digest) or self.exchange(action, lambda repository: repository.mount(digest, source))
        except ForbiddenError:
            return False

    def exchange(self, action: str, call: Callable[[Repository], ResultT], repository: str | None = None) -> ResultT:
        """Run one exchange with this repository, or with another one of the same registry.

        Raises what ``registry_errors.exchange`` does, apart from ExpiredError.
        """
        access = self._login.access()
        try:
            return self._exchange_once(action, call, repository, access)
        except ExpiredError:
            # A request that was refused in this way has done nothing.
            access = self._login.access(instead_of=access)
        try:
            return self._exchange_once(action, call, repository, access)
        except ExpiredError as error:
            place = "" if repository else f" in {access.uri}"
            raise ImageError(
                f"{action}{place}: {error}, though the credentials are new; run `pulumi up` again", "BIOT-4011"
            ) from None

    def _exchange_once(
        self, action: str, call: Callable[[Repository], ResultT], repository: str | None, access: Access
    ) -> ResultT:
        auth = Authorization(access.address, f"Basic {access.token}")
        opened = Repository(self.http, access.address, repository or access.repository, auth)
        place = "" if repository else f" in {access.uri}"
        return exchange(f"{action}{place}", lambda: call(opened), access.secrets, embedded=access.embedded)
