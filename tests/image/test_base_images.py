"""Base images from a registry that anybody may read, as public.ecr.aws is: a token for nobody, indexes, HTTPS."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from .layouts import LAYER, OCI, Layout

if TYPE_CHECKING:
    from .declared import Images
    from .servers import DockerRegistry, Ecr

TOKEN = "canary-anonymous"


@dataclass
class Public:
    """A registry that gives everybody a token and serves one layout; ``tags`` name what is in it."""

    layout: Layout = field(default_factory=Layout)
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    private: bool = False
    host: str = ""

    def answer(self, path: str, authorization: str | None) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(path)
        if path.startswith("/token?"):
            return (403, {}, b"{}") if self.private else (200, {}, json.dumps({"token": TOKEN}).encode())
        if authorization != f"Bearer {TOKEN}":
            realm = f'Bearer realm="https://{self.host}/token",service="public",scope="repository:lambda/python:pull"'
            return 401, {"WWW-Authenticate": realm}, b"{}"
        kind, name = path.split("/")[-2:]
        referred = self.tags.get(name, {"digest": name, "mediaType": f"{OCI}.manifest.v1+json"})
        content = self.layout.files.get(f"blobs/sha256/{referred['digest'][7:]}")
        if content is None:
            return 404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no such tag"}]}'
        return 200, {"Content-Type": referred["mediaType"] if kind == "manifests" else "x/x"}, content


@pytest.fixture
def public(
    images: Images, ecr: Ecr, docker_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Public]:
    """The public registry beside the platform's own, both trusted."""
    public, authority = Public(), trustme.CA()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = public.answer(self.path, self.headers["Authorization"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        public.host = f"localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        images.use(ecr, docker_registry, monkeypatch)
        bundle = tmp_path / "trusted.pem"
        bundle.write_bytes(docker_registry.ca.read_bytes() + authority.cert_pem.bytes())
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        images.file("code/index.py", f"# {tmp_path}")  # not there yet, whatever other tests pushed
        yield public
        server.shutdown()
        thread.join()


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
    public: Public, images: Images, docker_registry: DockerRegistry, capfd: pytest.CaptureFixture[str]
) -> None:
    public.tags["3.13"] = an_index(public, "arm64", "amd64")
    state = images.create(**declared(public))
    assert state["image_tag"] in docker_registry.tags()
    layers = [path for path in public.requests if "/blobs/" in path]
    assert len(set(layers)) == 2, "the configuration and the layer of one platform"
    stages = [line.split(": ")[1].split()[0] for line in capfd.readouterr().err.splitlines()]
    assert stages == ["reading", "read", "pushing", "pushed"]

    images.file("code/index.py", "changed")
    public.requests.clear()
    images.create(**declared(public))
    assert len({path for path in public.requests if "/blobs/" in path}) == 1, "the configuration"
    stages = [line.split(": ")[1].split()[0] for line in capfd.readouterr().err.splitlines()]
    assert stages == ["pushing", "pushed"]


def test_a_base_image_may_be_named_by_its_digest(
    public: Public, images: Images, docker_registry: DockerRegistry
) -> None:
    index = an_index(public, "amd64")
    state = images.create(**declared(public, f"@{index['digest']}"))
    assert state["image_tag"] in docker_registry.tags()


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
    said = images.failure(**declared(public))
    assert f"{public.host}/lambda/python:3.13" in said
    assert text in said
    assert "\n" not in said


def test_a_base_image_that_is_missing_is_named(public: Public, images: Images) -> None:
    said = images.failure(**declared(public))
    assert said == (
        f"read the base image {public.host}/lambda/python:3.13: there is no such image or repository"
        " (404 MANIFEST_UNKNOWN: no such tag)"
    )


def test_a_base_image_that_is_not_public_is_named(public: Public, images: Images) -> None:
    public.private = True
    said = images.failure(**declared(public))
    assert said.startswith(f"read the base image {public.host}/lambda/python:3.13: ")
    assert said.endswith("What to do: check base_image; it must be public")


def test_a_registry_whose_certificate_is_not_trusted_is_named(
    public: Public, images: Images, docker_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(docker_registry.ca))
    said = images.failure(**declared(public))
    assert f"{public.host}/lambda/python:3.13: the registry's certificate is not trusted (" in said
    assert said.endswith("What to do: name a file with its authority in SSL_CERT_FILE")


def test_a_registry_that_cannot_be_reached_is_named(images: Images) -> None:
    images.file("code/index.py", "")
    said = images.failure(code="code", base_image="localhost:1/base:1")
    assert said.startswith(
        "read the base image localhost:1/base:1: the connection broke ([Errno 111] Connection refused)"
    )


def test_an_embedded_base_image_is_an_error_elsewhere(
    images: Images, ecr: Ecr, docker_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.file("code/index.py", "")
    images.use(ecr, docker_registry, monkeypatch)
    said = images.failure(code="code", base_image="embedded/base/python:3.13")
    assert said.startswith("base_image embedded/base/python:3.13: only the embedded platform has it.")


def test_a_base_image_the_platform_has_not_is_named(images: Images) -> None:
    images.file("code/index.py", "")
    said = images.failure(code="code", base_image="embedded/base/cobol:60")
    assert said.startswith("read the base image embedded/base/cobol:60: there is no such image or repository (404 ")
