"""A registry over TLS that keeps everything in memory, in place of a real one where its own rules do not matter."""

from __future__ import annotations

import hashlib
import json
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import trustme

from .http_server import Request, Response, Server, http_server
from .layouts import digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .layouts import Layout

NAME = "registry.example"
"""A name that the registry's certificate is for, beside localhost."""


@dataclass
class MemoryRegistry:
    """Lets in who sends the one header. Blobs are those of all repositories."""

    header: str
    server: Server
    ca: Path
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    """By `<repository>/<tag>`."""

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    def add(self, name: str, layout: Layout, image: dict[str, Any]) -> None:
        """Put an image of a layout there as `<repository>/<tag>`."""
        self.blobs |= {digest(content): content for content in layout.files.values()}
        self.manifests[name] = self.blobs[image["digest"]]

    def respond(self, request: Request) -> Response:
        if request.authorization != self.header:
            return Response(401, {"WWW-Authenticate": "Basic realm=registry"})
        url = urlsplit(request.path)
        repository, _, rest = url.path.removeprefix("/v2/").partition("/blobs/")
        if not rest:
            return self._manifest(request, url.path.removeprefix("/v2/").replace("/manifests/", "/"))
        if request.method == "POST":
            is_mounted = parse_qs(url.query).get("mount", [""])[0] in self.blobs
            return Response(201 if is_mounted else 202, {"Location": f"/v2/{repository}/blobs/uploads/1"})
        if request.method == "PUT":
            self.blobs[parse_qs(url.query)["digest"][0]] = request.body
            return Response(201)
        return Response(body=self.blobs[rest]) if rest in self.blobs else Response(404)

    def _manifest(self, request: Request, name: str) -> Response:
        if request.method == "PUT":
            self.manifests[name] = request.body
            return Response(201)
        if name not in self.manifests:
            return Response(404)
        content = self.manifests[name]
        return Response(200, {"Content-Type": json.loads(content)["mediaType"]}, content)

    def pull(self, name: str, folder: Path) -> Path:
        """Write an image in skopeo's `dir` layout."""
        folder.mkdir()
        for content in self.blobs.values():
            (folder / hashlib.sha256(content).hexdigest()).write_bytes(content)
        (folder / "manifest.json").write_bytes(self.manifests[name])
        return folder


@contextmanager
def memory_registry(folder: Path, header: str) -> Iterator[MemoryRegistry]:
    """Serve a registry, whose certificate authority is written into the folder."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", NAME).configure_cert(tls)
    registries: list[MemoryRegistry] = []
    with http_server(lambda request: registries[0].respond(request), tls) as server:
        registries.append(MemoryRegistry(header, server, folder / "ca.pem"))
        yield registries[0]
