"""Base images from a registry that anybody may read, as public.ecr.aws is: a token for nobody, indexes, HTTPS."""

from __future__ import annotations

import gzip
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from ..uncoded import uncoded
from .http_server import Request, Response, Server, http_server
from .layouts import LAYER, OCI, Layout

if TYPE_CHECKING:
    from .declared import Images
    from .memory_registry import MemoryRegistry
    from .servers import Ecr

TOKEN = "canary-anonymous"


@dataclass
class Public:
    """A registry that gives everybody a token and serves one layout; ``tags`` name what is in it."""

    layout: Layout = field(default_factory=Layout)
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    private: bool = False
    server: Server = field(default_factory=Server)

    @property
    def host(self) -> str:
        return self.server.host

    def blobs(self) -> set[str]:
        """The paths of the blobs that were read."""
        return {request.path for request in self.server.requests if "/blobs/" in request.path}

    def respond(self, request: Request) -> Response:
        if request.path.startswith("/token?"):
            return Response(403, body=b"{}") if self.private else Response(body=json.dumps({"token": TOKEN}).encode())
        if request.authorization != f"Bearer {TOKEN}":
            realm = f'Bearer realm="https://{self.host}/token",service="public",scope="repository:lambda/python:pull"'
            return Response(401, {"WWW-Authenticate": realm}, b"{}")
        kind, name = request.path.split("/")[-2:]
        referred = self.tags.get(name, {"digest": name, "mediaType": f"{OCI}.manifest.v1+json"})
        content = self.layout.files.get(f"blobs/sha256/{referred['digest'][7:]}")
        if content is None:
            return Response(404, body=b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no such tag"}]}')
        return Response(200, {"Content-Type": referred["mediaType"] if kind == "manifests" else "x/x"}, content)


@pytest.fixture
def public(images: Images, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Public]:
    """The public registry, trusted, beside the platform's own."""
    public, authority = Public(), trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    images.file("code/index.py", "")
    with http_server(public.respond, tls) as public.server:
        yield public


def declared(public: Public, version: str = ":3.13") -> dict[str, Any]:
    return {"code": "code", "base_image": f"{public.host}/lambda/python{version}", "handler": "index.handler"}


def an_index(public: Public, *architectures: str) -> dict[str, Any]:
    """Put an index of images with one layer each into the public registry."""
    found = []
    for architecture in architectures:
        layer = gzip.compress(f"{public.host} {architecture}".encode(), mtime=0)
        platform = {"os": "linux", "architecture": architecture}
        found.append(public.layout.image(layer, architecture=architecture, platform=platform))
    return public.layout.index(*found)


def test_of_an_index_the_image_for_lambda_is_copied_once(
    public: Public, images: Images, capfd: pytest.CaptureFixture[str]
) -> None:
    public.tags["3.13"] = an_index(public, "arm64", "amd64")
    state = images.create(**declared(public))
    assert state["image_tag"] in images.platform.images.tags()
    assert len(public.blobs()) == 2, "the configuration and the layer of one platform"
    stages = [line.split(": ")[1].split()[0] for line in capfd.readouterr().err.splitlines()]
    assert stages == ["reading", "read", "pushing", "pushed"]

    images.file("code/index.py", "changed")
    public.server.requests.clear()
    images.create(**declared(public))
    assert len(public.blobs()) == 1, "the configuration"
    stages = [line.split(": ")[1].split()[0] for line in capfd.readouterr().err.splitlines()]
    assert stages == ["pushing", "pushed"]


def test_a_base_image_may_be_named_by_its_digest(public: Public, images: Images) -> None:
    index = an_index(public, "amd64")
    state = images.create(**declared(public, f"@{index['digest']}"))
    assert state["image_tag"] in images.platform.images.tags()


def test_a_registry_that_answers_another_image_than_the_one_named_is_found_out(public: Public, images: Images) -> None:
    index = an_index(public, "amd64")
    public.layout.files[f"blobs/sha256/{index['digest'][7:]}"] += b" "
    assert f"is no image (it is not {index['digest']})" in images.failure(**declared(public, f"@{index['digest']}"))


def no_layers_of_gzip(public: Public) -> dict[str, Any]:
    return public.layout.image(b"plain", LAYER.removesuffix("+gzip"))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda public: an_index(public, "arm64"), "has no image for linux/amd64, which AWS Lambda runs"),
        (lambda public: public.layout.image(architecture="arm64"), "is linux/arm64: AWS Lambda runs BioT's plugins on"),
        (no_layers_of_gzip, "has layers that are not gzip, which AWS Lambda does not take"),
        (lambda public: public.layout.json({"no": "image"}, "x/x"), "the registry's answer is no image"),
        (lambda public: public.layout.blob(b"<html>", "text/html"), "the registry's answer is no image"),
    ],
    ids=["index", "architecture", "no gzip", "no manifest", "html"],
)
def test_a_base_image_that_lambda_cannot_run_is_named(make: Any, text: str, public: Public, images: Images) -> None:
    public.tags["3.13"] = make(public)
    error = images.failure(**declared(public))
    assert f"{public.host}/lambda/python:3.13" in error
    assert text in error
    assert "\n" not in error


def test_a_base_image_that_is_missing_is_named(public: Public, images: Images) -> None:
    error = images.failure(**declared(public))
    assert uncoded(error) == (
        f"read the base image {public.host}/lambda/python:3.13: there is no such image or repository"
        " (404 MANIFEST_UNKNOWN: no such tag)"
    )


def test_a_base_image_that_is_not_public_is_named(public: Public, images: Images) -> None:
    public.private = True
    error = images.failure(**declared(public))
    assert error.startswith(f"read the base image {public.host}/lambda/python:3.13: ")
    assert uncoded(error).endswith("What to do: check base_image; it must be public")


def test_a_registry_whose_certificate_is_not_trusted_is_named(
    public: Public, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    error = images.failure(**declared(public))
    assert f"{public.host}/lambda/python:3.13: the registry's certificate is not trusted (" in error
    assert uncoded(error).endswith("What to do: name a file with its authority in SSL_CERT_FILE")


@pytest.mark.usefixtures("pauses")
def test_a_registry_that_cannot_be_reached_is_named(images: Images) -> None:
    images.file("code/index.py", "")
    error = images.failure(code="code", base_image="localhost:1/base:1")
    assert error.startswith(
        "read the base image localhost:1/base:1: the connection broke ([Errno 111] Connection refused)"
    )


def test_an_embedded_base_image_is_an_error_elsewhere(
    images: Images, ecr: Ecr, registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.file("code/index.py", "")
    images.use(ecr, registry, monkeypatch)
    error = images.failure(code="code", base_image="embedded/base/python:3.13")
    assert error.startswith("base_image embedded/base/python:3.13: only the embedded platform has it.")


def test_a_base_image_the_platform_has_not_is_named(images: Images) -> None:
    images.file("code/index.py", "")
    error = images.failure(code="code", base_image="embedded/base/cobol:60")
    assert error.startswith("read the base image embedded/base/cobol:60: there is no such image or repository (404 ")
