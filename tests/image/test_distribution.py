"""The distribution API as registries speak it that are no test's: redirects, ranges, tokens, places to upload to."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from biot_provider.errors import ImageError
from biot_provider.image.artifact import Blob, file_blob
from biot_provider.image.distribution import AnonymousToken, Authorization, Repository, open_http
from biot_provider.image.registry_errors import ExpiredError, exchange

from .http_server import Request, Response, Server, http_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_mock import MockerFixture

    Serve = Callable[[Callable[[Request], Response]], Server]

CONTENT = b"canary-layer" * 1000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
HEADER = "Basic canary-token"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that end with the test."""
    with ExitStack() as ending:
        yield lambda respond: ending.enter_context(http_server(respond))


@pytest.fixture(autouse=True)
def _short_backoff(mocker: MockerFixture) -> None:
    mocker.patch("random.uniform", return_value=0.001)


@pytest.fixture
def blob(tmp_path: Path) -> Blob:
    (tmp_path / "layer").write_bytes(CONTENT)
    return file_blob(tmp_path / "layer")


def opened(server: Server, auth: httpx.Auth | None = None) -> Repository:
    address = f"http://{server.host}"
    return Repository(open_http(), address, "plugins", auth or Authorization(address, HEADER))


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/v2/plugins/blobs/uploads/1", "/v2/plugins/blobs/uploads/1?digest="),
        ("2?_state=a%3D%3D", "/v2/plugins/blobs/uploads/2?_state=a%3D%3D&digest="),
        ("/elsewhere/3?a=1&b=%2F", "/elsewhere/3?a=1&b=%2F&digest="),
    ],
    ids=["absolute path", "relative", "another path"],
)
def test_a_layer_goes_to_the_place_that_the_registry_names(location: str, place: str, serve: Serve, blob: Blob) -> None:
    server = serve(lambda request: Response(*((202, {"Location": location}) if request.method == "POST" else (201,))))
    opened(server).upload(blob)
    assert server.lines == ["POST /v2/plugins/blobs/uploads/", f"PUT {place}{DIGEST}"]
    put = server.requests[-1]
    assert put.body == CONTENT
    assert put.authorization == HEADER
    assert "Transfer-Encoding" not in put.headers
    assert server.connections == 1


def test_a_place_on_another_host_gets_the_layer_and_no_credentials(serve: Serve, blob: Blob) -> None:
    store = serve(lambda _: Response(201))
    registry = serve(lambda _: Response(202, {"Location": f"http://{store.host}/upload"}))
    opened(registry).upload(blob)
    assert [(request.body, request.authorization) for request in store.requests] == [(CONTENT, None)]


def test_a_registry_that_names_no_place_is_an_error(serve: Serve, blob: Blob) -> None:
    repository = opened(serve(lambda _: Response(202)))
    with pytest.raises(ImageError, match=r"^push: the registry names no place to upload to \[BIOT-4014\]$"):
        exchange("push", lambda: repository.upload(blob))


def test_an_upload_that_breaks_off_is_begun_anew(serve: Serve, blob: Blob) -> None:
    def respond(request: Request) -> Response:
        if request.method == "POST":
            return Response(202, {"Location": f"/upload/{len(server.requests)}"})
        return Response(503 if request.path.startswith("/upload/1") else 201)

    server = serve(respond)
    repository = opened(server)
    exchange("push", lambda: repository.upload(blob))
    begun, first, again, second = server.requests
    assert (begun.path, first.body) == (again.path, second.body)
    assert second.path == f"/upload/3?digest={DIGEST}"


def test_a_layer_on_another_host_is_read_without_credentials(serve: Serve, tmp_path: Path) -> None:
    store = serve(lambda _: Response(body=CONTENT))
    registry = serve(lambda _: Response(307, {"Location": f"http://{store.host}/stored?signature=1"}))
    opened(registry).download(DIGEST, tmp_path / "layer")
    assert (tmp_path / "layer").read_bytes() == CONTENT
    assert [request.authorization for request in (*registry.requests, *store.requests)] == [HEADER, None]


@pytest.mark.parametrize("allowed", [True, False], ids=["ranges", "no ranges"])
def test_a_layer_that_breaks_off_is_read_on_where_the_registry_allows_it(
    allowed: bool, serve: Serve, tmp_path: Path
) -> None:
    def respond(request: Request) -> Response:
        if "Range" not in request.headers:
            is_first = len(server.requests) == 1
            body = CONTENT[:5000] if is_first or allowed else CONTENT
            return Response(200, {"Content-Length": str(len(CONTENT))}, body)
        start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        return Response(206, body=CONTENT[start:]) if allowed else Response(200, body=CONTENT)

    server = serve(respond)
    repository = opened(server)
    exchange("read", lambda: repository.download(DIGEST, tmp_path / "layer"))
    assert (tmp_path / "layer").read_bytes() == CONTENT
    assert [request.headers.get("Range") for request in server.requests] == [None, "bytes=5000-"]


@pytest.mark.parametrize("rest", [b"other", b""], ids=["another rest", "nothing more"])
def test_a_layer_whose_rest_does_not_fit_is_read_anew(rest: bytes, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(b"stale")

    def respond(request: Request) -> Response:
        if "Range" in request.headers:
            return Response(206, body=rest) if rest else Response(416)
        return Response(body=CONTENT)

    repository = opened(serve(respond))
    exchange("read", lambda: repository.download(DIGEST, tmp_path / "layer"))
    assert (tmp_path / "layer").read_bytes() == CONTENT


def test_a_layer_with_another_content_is_an_error(serve: Serve, tmp_path: Path) -> None:
    repository = opened(serve(lambda _: Response(body=b"something else")))
    with pytest.raises(ImageError, match=rf"^read: the content is not {DIGEST} \[BIOT-4014\]$"):
        exchange("read", lambda: repository.download(DIGEST, tmp_path / "layer"))
    assert not (tmp_path / "layer").exists()


@pytest.mark.parametrize("status", [300, 404, 416])
def test_a_layer_that_the_registry_does_not_give_is_an_error(status: int, serve: Serve, tmp_path: Path) -> None:
    repository = opened(serve(lambda _: Response(status, body=b"canary")))
    with pytest.raises(ImageError, match=rf"^read: .*{status} canary"):
        exchange("read", lambda: repository.download(DIGEST, tmp_path / "layer"))
    assert not (tmp_path / "layer").exists()


def test_a_head_without_a_digest_is_followed_by_a_get(serve: Serve) -> None:
    server = serve(lambda _: Response(body=CONTENT))
    assert opened(server).manifest_digest("1") == DIGEST
    assert [request.method for request in server.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize(("status", "mounted"), [(201, True), (202, False), (404, False)])
def test_a_layer_is_taken_over_where_the_registry_says_so(status: int, mounted: bool, serve: Serve) -> None:
    server = serve(lambda _: Response(status, {"Location": "/upload"}))
    assert opened(server).mount(DIGEST, "base/python") is mounted
    assert server.lines == [f"POST /v2/plugins/blobs/uploads/?mount={DIGEST}&from=base/python"]


def challenging(token: Callable[[Request], Response], realm: str = "/token") -> Callable[[Request], Response]:
    """A public registry that wants a token from a service of its own."""

    def respond(request: Request) -> Response:
        if request.path.startswith("/token"):
            return token(request)
        if request.authorization == "Bearer canary":
            return Response(body=CONTENT)
        return Response(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="a, b",scope="repository:x:pull"'})

    return respond


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_public_registrys_token_is_fetched_once(name: str, serve: Serve) -> None:
    server = serve(challenging(lambda _: Response(body=json.dumps({name: "canary"}).encode())))
    repository = opened(server, AnonymousToken("plugins"))
    assert repository.manifest("1") == repository.manifest("2") == CONTENT
    assert server.lines == [
        "GET /v2/plugins/manifests/1",
        "GET /token?scope=repository%3Ax%3Apull&service=a%2C+b",
        "GET /v2/plugins/manifests/1",
        "GET /v2/plugins/manifests/2",
    ]
    assert server.requests[1].authorization is None
    assert server.connections == 1


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"token": ""}'])
def test_a_token_service_that_gives_none_is_an_error(body: bytes, serve: Serve) -> None:
    repository = opened(serve(challenging(lambda _: Response(body=body))), AnonymousToken("plugins"))
    with pytest.raises(ImageError, match=r"^read: the registry's token service gives no token \[BIOT-4014\]$"):
        exchange("read", lambda: repository.manifest("1"))


@pytest.mark.parametrize("challenge", ["", "Basic realm=x", "Bearer", "Bearer service=x", "Bearer realm"])
def test_a_registry_that_wants_more_than_such_a_token_is_refused(challenge: str, serve: Serve) -> None:
    server = serve(lambda _: Response(401, {"WWW-Authenticate": challenge}))
    repository = opened(server, AnonymousToken("plugins"))
    with pytest.raises(ExpiredError):
        exchange("read", lambda: repository.manifest("1"))
    assert len(server.requests) == 1


def test_a_host_that_the_registry_sends_to_is_given_no_token(serve: Serve, tmp_path: Path) -> None:
    realm = f'Bearer realm="http://{serve(lambda _: Response()).host}/token"'
    store = serve(lambda _: Response(401, {"WWW-Authenticate": realm}))
    registry = serve(lambda _: Response(302, {"Location": f"http://{store.host}/stored"}))
    repository = opened(registry, AnonymousToken("plugins"))
    with pytest.raises(ExpiredError):
        exchange("read", lambda: repository.download(DIGEST, tmp_path / "layer"))
    assert len(store.requests) == 1


@pytest.mark.parametrize(
    "failure",
    [Response(status) for status in (408, 429, 500, 502, 503, 504)]
    + [
        Response(200, {"Content-Length": "20"}, b"cut off"),
        Response(200, body=b'{"schemaVersion": 2, "la'),
        Response(200, {"Content-Encoding": "gzip"}, b"no gzip"),
    ],
    ids=lambda response: f"{response.status} {response.body.decode()}",
)
def test_what_may_pass_is_sent_up_to_four_times(failure: Response, serve: Serve) -> None:
    responses = [failure, failure, failure, Response(body=CONTENT)]
    server = serve(lambda _: responses[len(server.requests) - 1])
    repository = opened(server)
    assert exchange("read", lambda: repository.manifest("1")) == CONTENT
    responses[:] = [failure] * 20
    with pytest.raises(ImageError, match=r"^read: "):
        exchange("read", lambda: repository.manifest("1"))
    assert len(server.requests) == 8


def test_a_registry_that_says_when_is_waited_for(serve: Serve, mocker: MockerFixture) -> None:
    sleep = mocker.patch("biot_provider.image.registry_errors.pause")
    responses = [Response(429, {"Retry-After": "7"}), Response(body=CONTENT)]
    server = serve(lambda _: responses[len(server.requests) - 1])
    repository = opened(server)
    exchange("read", lambda: repository.manifest("1"))
    sleep.assert_called_once_with(7.0)


@pytest.mark.parametrize("location", ["http://elsewhere:port/x", "ftp://elsewhere/x"])
def test_an_address_that_cannot_be_used_is_an_error(location: str, serve: Serve, blob: Blob) -> None:
    server = serve(lambda _: Response(202, {"Location": location}))
    repository = opened(server)
    with pytest.raises(ImageError, match=r"^push: "):
        exchange("push", lambda: repository.upload(blob))
    assert len(server.requests) == 1


def test_the_time_of_a_request_to_the_platform_does_not_count_for_the_registrys(serve: Serve) -> None:
    from biot_provider.api.transport import RetryTransport

    platform = httpx.Client(transport=RetryTransport(httpx.MockTransport(lambda _: httpx.Response(200, text="{}"))))
    platform.get("http://platform", timeout=1e-9)
    repository = opened(serve(lambda _: Response(body=CONTENT)))
    assert exchange("read", lambda: repository.manifest("1")) == CONTENT
    platform.close()
