"""The storage of an image registry: blobs, manifests and tags of each repository, as files below one folder.

Content is streamed into files, never held in memory. Objects appear atomically for all processes that share the folder.
A blob belongs to the repositories to which it was pushed or mounted. Source: OCI distribution specification 1.1, and
what ECR does where that leaves room.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from biot_provider.emulator.http.json_body import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REPOSITORY = "biot-plugins"
SEED_REPOSITORIES = ("base/python", "base/node")
REPOSITORIES = (REPOSITORY, *SEED_REPOSITORIES)

IMAGE_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
INDEX_TYPES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
"""Bytes, as in the specification."""
BLOB_GRACE_SECONDS = 13 * 3600.0
"""Seconds that unreferenced objects are kept: a push sends blobs first and their manifest last, and may take as long
as its token is valid, twelve hours."""

_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_UPLOAD = re.compile(r"[0-9a-f]{32}")


class RegistryError(Exception):
    """An error response of the registry, in its own form."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Manifest:
    """A manifest, byte for byte as it was pushed."""

    digest: str
    media_type: str
    content: bytes

    @property
    def document(self) -> Any:
        """Its JSON."""
        return read_json(self.content)

    @property
    def references(self) -> list[str]:
        """The digests to which it refers: config and layers, or the manifests of an index."""
        document = self.document
        index = self.media_type in INDEX_TYPES
        parts = document["manifests"] if index else [document["config"], *document["layers"]]
        return [part["digest"] for part in parts]


class Registry:
    """The store. Methods raise RegistryError.

    Within `lock` nobody else stores or removes anything, in any process.
    """

    def __init__(self, folder: Path, lock: Callable[[], contextlib.AbstractContextManager[Any]]) -> None:
        self._folder = folder
        self._lock = lock

    def begin_upload(self, repository: str) -> str:
        """Start an empty upload and return its id."""
        self._repository(repository)
        upload = secrets.token_hex(16)
        self._write(self._folder / "uploads" / upload, b"")
        return upload

    def append(self, upload: str, content: IO[bytes]) -> int:
        """Add the content of an upload, once: like ECR, silently drop any later content. Return the upload's size."""
        path = self._upload(upload)
        if path.stat().st_size == 0:
            with path.open("ab") as file:
                try:
                    shutil.copyfileobj(content, file, 1 << 20)
                except BaseException:
                    # A partial upload is discarded: a retry starts again.
                    file.truncate(0)
                    raise
        return path.stat().st_size

    def finish_upload(self, repository: str, upload: str, digest: str, content: IO[bytes]) -> None:
        """Add the last content, and turn the upload into the blob with this digest."""
        folder, path = self._repository(repository), self._upload(upload)
        self.append(upload, content)
        with path.open("rb") as file:
            found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if found != digest:
            path.unlink()
            raise RegistryError(400, "DIGEST_INVALID", f"the content's digest is {found}, not {digest}")
        self._blob(digest).parent.mkdir(parents=True, exist_ok=True)
        with self._lock():
            path.replace(self._blob(digest))
            self._write(folder / "blobs" / _hex(digest), b"")

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Link a blob of another repository; return whether it exists."""
        with self._lock(), contextlib.suppress(RegistryError):
            self.blob(source, digest)
            self._write(self._repository(repository) / "blobs" / _hex(digest), b"")
            return True
        return False

    def blob(self, repository: str, digest: str) -> Path:
        """Return the file of a blob, and renew its grace period."""
        if not _renewed(self._repository(repository) / "blobs" / _hex(digest)):
            raise RegistryError(404, "BLOB_UNKNOWN", f"no blob {digest} in {repository}")
        return self._blob(digest)

    def put_manifest(
        self, repository: str, reference: str, media_type: str, content: bytes, *, immutable: bool = False
    ) -> str:
        """Store a manifest under a tag or its digest and return the digest. With `immutable` a tag is set only once."""
        with self._lock():
            return self._put_manifest(repository, reference, media_type, content, immutable=immutable)

    def _put_manifest(
        self, repository: str, reference: str, media_type: str, content: bytes, *, immutable: bool
    ) -> str:
        folder = self._repository(repository)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if reference.startswith("sha256:"):
            if reference != digest:
                raise RegistryError(400, "DIGEST_INVALID", f"the manifest's digest is {digest}, not {reference}")
        elif not _TAG.fullmatch(reference):
            raise RegistryError(400, "TAG_INVALID", f"{reference} is no tag")
        elif immutable and (folder / "tags" / reference).exists():
            message = f"The image tag '{reference}' already exists in the '{repository}' repository and cannot be"
            raise RegistryError(400, "TAG_INVALID", f"{message} overwritten because the repository is immutable.")
        self._check_parts(folder, Manifest(digest, media_type, content))
        self._write(self._blob(digest), content)
        self._write(folder / "manifests" / _hex(digest), media_type.encode())
        if reference != digest:
            self._write(folder / "tags" / reference, digest.encode())
        return digest

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return the manifest of a tag or a digest; a digest renews its grace period."""
        folder = self._repository(repository)
        if reference.startswith("sha256:"):
            digest: str | None = reference
            _renewed(folder / "manifests" / _hex(reference))
        else:
            digest = self.tags(repository).get(reference)
        with contextlib.suppress(FileNotFoundError):
            if digest is not None:
                return self._stored(folder, digest)
        raise RegistryError(404, "MANIFEST_UNKNOWN", f"no image {reference} in {repository}")

    def tags(self, repository: str) -> dict[str, str]:
        """Return the digest of each tag."""
        found = {}
        for path in _entries(self._repository(repository) / "tags"):
            with contextlib.suppress(FileNotFoundError):
                found[path.name] = path.read_text()
        return found

    def remove_tag(self, repository: str, tag: str) -> None:
        """Remove a tag, within `lock`, and unreferenced objects after their grace period."""
        folder = self._repository(repository)
        (folder / "tags" / tag).unlink(missing_ok=True)
        used: set[str] = set()
        for digest in set(self.tags(repository).values()):
            used |= {digest, *(part for held in self._held(folder, digest) for part in held.references)}
        for link in (*_entries(folder / "manifests"), *_entries(folder / "blobs")):
            if f"sha256:{link.name}" not in used and _age(link) >= BLOB_GRACE_SECONDS:
                link.unlink(missing_ok=True)
        for path in (*_entries(self._folder / "blobs"), *_entries(self._folder / "uploads")):
            if not any(self._linked(name, path.name) for name in REPOSITORIES) and _age(path) >= BLOB_GRACE_SECONDS:
                path.unlink(missing_ok=True)

    def _stored(self, folder: Path, digest: str) -> Manifest:
        media_type = (folder / "manifests" / _hex(digest)).read_text()
        return Manifest(digest, media_type, self._blob(digest).read_bytes())

    def _held(self, folder: Path, digest: str) -> Iterator[Manifest]:
        """Yield a manifest and, if it is an index, those below it."""
        with contextlib.suppress(FileNotFoundError):
            manifest = self._stored(folder, digest)
            yield manifest
            if manifest.media_type in INDEX_TYPES:
                for part in manifest.references:
                    yield from self._held(folder, part)

    def _linked(self, repository: str, name: str) -> bool:
        folder = self._repository(repository)
        return (folder / "blobs" / name).exists() or (folder / "manifests" / name).exists()

    def _check_parts(self, folder: Path, manifest: Manifest) -> None:
        """Refuse an invalid manifest, and one with parts that are not in the repository."""
        kind = "manifests" if manifest.media_type in INDEX_TYPES else "blobs"
        if manifest.media_type not in (*IMAGE_TYPES, *INDEX_TYPES):
            raise RegistryError(415, "MANIFEST_INVALID", f"{manifest.media_type!r} is no media type of a manifest")
        try:
            absent = [digest for digest in manifest.references if not (folder / kind / _hex(digest)).exists()]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RegistryError(400, "MANIFEST_INVALID", "the manifest is not one of its media type") from None
        if absent:
            raise RegistryError(404, "MANIFEST_BLOB_UNKNOWN", f"not in the repository: {', '.join(absent)}")

    def _repository(self, repository: str) -> Path:
        if repository not in REPOSITORIES:
            raise RegistryError(404, "NAME_UNKNOWN", f"no repository {repository}: there are {' '.join(REPOSITORIES)}")
        return self._folder / "repositories" / repository

    def _upload(self, upload: str) -> Path:
        path = self._folder / "uploads" / upload
        if not _UPLOAD.fullmatch(upload) or not path.exists():
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", f"no upload {upload}")
        return path

    def _blob(self, digest: str) -> Path:
        return self._folder / "blobs" / _hex(digest)

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{secrets.token_hex(8)}")
        draft.write_bytes(content)
        draft.replace(path)


def _hex(digest: str) -> str:
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise RegistryError(400, "DIGEST_INVALID", f"{digest} is no SHA-256 digest")
    return match[1]


def _renewed(link: Path) -> bool:
    """Renew the grace period of an object; return False if it does not exist."""
    try:
        os.utime(link)
    except FileNotFoundError:
        return False
    return True


def _entries(folder: Path) -> list[Path]:
    """Return the entries of a folder, without unfinished ones; nothing if the folder is missing."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
