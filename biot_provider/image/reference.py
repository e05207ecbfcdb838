"""The name of an image, as Docker writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

EMBEDDED_HOST = "embedded"
"""The host, in a base image's name, of the embedded platform's registry, which has some base images."""

_DOCKER_HUB = "registry-1.docker.io"
_NAMES_OF_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry.hub.docker.com", _DOCKER_HUB})
# Source: distribution/reference, the grammar of a reference.
_HOST = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.|(?=:|$)))+(?::\d+)?|\[[a-fA-F0-9:]+\](?::\d+)?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of an image: ``host/repository:tag`` or ``host/repository@digest``."""

    host: str
    repository: str
    version: str

    @property
    def is_pinned(self) -> bool:
        """Whether the reference names content, not a tag that may move."""
        return self.version.startswith("sha256:")

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse a reference as Docker does. Raises ValueError with the problem."""
        scheme, separator, _ = text.partition("://")
        if separator:
            raise ValueError(f"it is a name, not an address: leave out {scheme}://")
        name, at, digest = text.partition("@")
        first, slash, rest = name.partition("/")
        is_host = "." in first or ":" in first or first != first.lower() or first in ("localhost", EMBEDDED_HOST)
        host, path = (first, rest) if slash and is_host else (_DOCKER_HUB, name)
        repository, colon, tag = path.partition(":")
        if host in _NAMES_OF_DOCKER_HUB:
            host, repository = _DOCKER_HUB, repository if "/" in repository else f"library/{repository}"
        if at and not _DIGEST.fullmatch(digest):
            raise ValueError("a digest is sha256: and 64 hexadecimal digits")
        if not (_HOST.fullmatch(host) and _REPOSITORY.fullmatch(repository)) or (colon and not _TAG.fullmatch(tag)):
            raise ValueError("it must be <host>/<repository>:<tag> or <host>/<repository>@sha256:<digest>")
        return cls(host, repository, digest or tag or "latest")

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}{'@' if self.is_pinned else ':'}{self.version}"
