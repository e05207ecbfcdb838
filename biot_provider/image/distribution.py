"""One repository of a registry over HTTP: the OCI distribution API.

Each method of ``Repository`` sends its requests once; ``registry_errors.exchange`` retries a method and converts its
failure to one of our errors. Blobs are streamed from and to files, so no layer is held in memory. Source: OCI
distribution specification 1.1.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.request import parse_http_list, parse_keqv_list

import httpx

from biot_provider._version import __version__
from biot_provider.api.transport import is_cut_json, open_network
from biot_provider.config import Settings
from biot_provider.image.artifact import INDEXES, MANIFEST_V2, OCI_MANIFEST, Blob, file_blob, sha256

STALL_SECONDS = 60.0
"""Seconds without a byte after which a transfer is aborted."""

_ACCEPT = {"Accept": ", ".join([MANIFEST_V2, OCI_MANIFEST, *sorted(INDEXES)])}
_CHUNK = 1 << 20


class InvalidResponseError(Exception):
    """The response does not follow the OCI distribution API."""


def open_http() -> httpx.Client:
    """Return a client for any address, with the certificates and the proxies of ``api.transport.open_network``.

    The client keeps its connections open between requests, and closes them when its last reference is gone.
    """
    networks = _Networks()
    http = httpx.Client(
        transport=networks, timeout=STALL_SECONDS, headers={"User-Agent": f"biot-provider/{__version__}"}
    )
    weakref.finalize(http, networks.close)
    return http


class _Networks(httpx.BaseTransport):
    """A network transport for each address, opened when first needed: a registry may redirect to another host."""

    def __init__(self) -> None:
        self._networks: dict[str, httpx.BaseTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        address = _address(request.url)
        if address not in self._networks:
            self._networks[address] = open_network(Settings(address))
        return self._networks[address].handle_request(request)

    def close(self) -> None:
        for network in self._networks.values():
            network.close()


class Authorization(httpx.Auth):
    """Sends an authorization header only to one registry: an upload's address may be on another server."""

    def __init__(self, address: str, header: str) -> None:
        self._address = _address(httpx.URL(address))
        self._header = header

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header to requests to the registry."""
        if _address(request.url) == self._address:
            request.headers["Authorization"] = self._header
        yield request


class AnonymousToken(httpx.Auth):
    """Fetches the token that a public registry gives to anyone, when the registry requires it.

    Source: distribution specification, token authentication.
    """

    def __init__(self, repository: str) -> None:
        self._scope = f"repository:{repository}:pull"
        self._token: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token; fetch it first if the response is a challenge."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        challenge = _challenge(response)
        # A host that the registry redirects to gets no token.
        if challenge is None or response.request is not request:
            return
        query = {"scope": challenge.get("scope", self._scope)}
        if "service" in challenge:
            query["service"] = challenge["service"]
        granted = yield httpx.Request("GET", response.url.join(challenge["realm"]), params=query)
        granted.read()
        granted.raise_for_status()
        try:
            body = granted.json()
            self._token = str(body.get("token") or body["access_token"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidResponseError("the registry's token service gives no token") from None
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class Repository:
    """A repository: its manifests, and its blobs. ``address`` is the registry's, as ``https://<host>``.

    Methods raise httpx.HTTPError, httpx.InvalidURL and InvalidResponseError.
    """

    def __init__(self, http: httpx.Client, address: str, name: str, auth: httpx.Auth) -> None:
        self._http = http
        self._url = f"{address}/v2/{name}"
        self._auth = auth

    def manifest_digest(self, version: str, method: str = "HEAD") -> str | None:
        """Return the digest of a tag's manifest; None if there is no such tag. ``method`` is HEAD or GET."""
        response = self._send(method, f"manifests/{version}", _ACCEPT)
        if not _is_found(response):
            return None
        digest = response.headers.get("Docker-Content-Digest")
        if digest is None and method == "HEAD":
            return self.manifest_digest(version, "GET")
        return digest or sha256(response.content)

    def manifest(self, version: str) -> bytes:
        """Return the manifest of a tag or a digest, byte for byte."""
        response = self._send("GET", f"manifests/{version}", _ACCEPT).raise_for_status()
        if is_cut_json(response.text):
            raise InvalidResponseError("the manifest is cut off")
        return response.content

    def put_manifest(self, tag: str, media_type: str, content: bytes) -> None:
        """Store a manifest under a tag; its blobs must be in the repository already."""
        self._send("PUT", f"manifests/{tag}", {"Content-Type": media_type}, content).raise_for_status()

    def has_blob(self, digest: str) -> bool:
        """Return whether the repository has a blob."""
        return _is_found(self._send("HEAD", f"blobs/{digest}"))

    def download(self, digest: str, target: Path) -> None:
        """Download a blob to a file, and verify its digest.

        If the registry allows it, a download that broke off continues after the bytes that the file has already.
        """
        held = target.stat().st_size if target.exists() else 0
        # A range of a compressed response would mean its compressed bytes.
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={held}-"} if held else {})}
        url = f"{self._url}/blobs/{digest}"
        with self._http.stream("GET", url, headers=headers, auth=self._auth, follow_redirects=True) as response:
            if not response.is_success:
                response.read()
            has_no_more = held > 0 and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE
            if not has_no_more:
                response.raise_for_status()
                is_the_rest = response.status_code == httpx.codes.PARTIAL_CONTENT
                with target.open("ab" if is_the_rest else "wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
        if file_blob(target).digest != digest:
            target.unlink()
            raise InvalidResponseError(f"the content is not {digest}")

    def upload(self, blob: Blob) -> None:
        """Upload a blob from its file with one PUT: Amazon ECR drops the data of a second PATCH."""
        begun = self._send("POST", "blobs/uploads/").raise_for_status()
        location = begun.headers.get("Location")
        if location is None or blob.file is None:
            raise InvalidResponseError("the registry names no place to upload to")
        # The location is opaque: its query must stay unchanged.
        place = str(begun.url.join(location))
        url = f"{place}{'&' if '?' in place else '?'}digest={blob.digest}"
        headers = {"Content-Length": str(blob.size), "Content-Type": "application/octet-stream"}
        self._http.put(url, headers=headers, content=_FileContent(blob.file), auth=self._auth).raise_for_status()

    def mount(self, digest: str, source: str) -> bool:
        """Ask the registry to mount a blob from another repository; return whether it did."""
        response = self._send("POST", f"blobs/uploads/?mount={digest}&from={source}")
        return _is_found(response) and response.status_code == httpx.codes.CREATED

    def _send(
        self, method: str, path: str, headers: dict[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Response:
        return self._http.request(
            method,
            f"{self._url}/{path}",
            headers=headers,
            content=content,
            auth=self._auth,
            follow_redirects=method in ("GET", "HEAD"),
        )


class _FileContent:
    """A file's bytes as the body of a request, read again each time that the request is sent."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def _is_found(response: httpx.Response) -> bool:
    """Return True for a success, False for 404. Raises httpx.HTTPStatusError for any other response."""
    if response.status_code == httpx.codes.NOT_FOUND:
        return False
    response.raise_for_status()
    return True


def _challenge(response: httpx.Response) -> dict[str, str] | None:
    """Return the parameters of the registry's token challenge; None if there is none."""
    scheme, _, parameters = response.headers.get("WWW-Authenticate", "").partition(" ")
    if response.status_code != httpx.codes.UNAUTHORIZED or scheme.lower() != "bearer":
        return None
    try:
        challenge = parse_keqv_list(parse_http_list(parameters))
    except ValueError:
        return None
    return challenge if "realm" in challenge else None


def _address(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"
