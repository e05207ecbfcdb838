"""An image by name, as Docker writes it."""

from __future__ import annotations

from dataclasses import dataclass

EMBEDDED_HOST = "embedded"
"""In a base image: the registry of the embedded platform, which has some of its own."""

_DOCKER_HUB = "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image by name: ``host/repository:tag`` or ``host/repository@digest``."""

    host: str
    repository: str
    version: str

    @property
    def is_pinned(self) -> bool:
        """Whether it names content, not a tag that may move."""
        return self.version.startswith("sha256:")

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference as Docker does. Raises ValueError that says what is wrong."""
        name, at, digest = text.partition("@")
        first, slash, rest = name.partition("/")
        has_host = bool(slash) and ("." in first or ":" in first or first in ("localhost", EMBEDDED_HOST))
        host, path = (first, rest) if has_host else (_DOCKER_HUB, name)
        repository, colon, tag = path.partition(":")
        if host == _DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        if host == "docker.io":
            host = _DOCKER_HUB
        if at and not (digest.startswith("sha256:") and len(digest) == 71):
            raise ValueError("a digest is sha256: and 64 hexadecimal digits")
        legal = all(part and part == part.lower() for part in repository.split("/"))
        if not legal or (colon and not tag) or any(letter.isspace() for letter in text):
            raise ValueError("it must be <host>/<repository>:<tag> or <host>/<repository>@sha256:<digest>")
        return cls(host, repository, digest or tag or "latest")

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}{'@' if self.is_pinned else ':'}{self.version}"
