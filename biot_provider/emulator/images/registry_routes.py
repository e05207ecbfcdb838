"""The image registry over HTTP: pushes and pulls of the OCI distribution API 1.1, as in ECR, and ECR's login."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from biot_provider.emulator.http.routes import MAX_LOGIN_BYTES, Route, json_response
from biot_provider.emulator.images.ecr import EcrError
from biot_provider.emulator.images.registry import MAX_MANIFEST_BYTES, REPOSITORY, SEED_REPOSITORIES, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from biot_provider.emulator.http.routes import Call
    from biot_provider.emulator.images.ecr import Ecr
    from biot_provider.emulator.images.registry import Registry
    from biot_provider.emulator.testing.contract_variants import ContractVariants

MAX_BLOB_BYTES = 10 * 1024**3
"""AWS Lambda quotas, container image code package size."""
_REPOSITORY = "/v2/<path:repository>"
_BLOB = f"{_REPOSITORY}/blobs/<digest>"
_UPLOADS = f"{_REPOSITORY}/blobs/uploads/"
_UPLOAD = f"{_REPOSITORY}/blobs/uploads/<upload>"
_MANIFEST = f"{_REPOSITORY}/manifests/<reference>"

_AMZ_JSON = "application/x-amz-json-1.1"
_TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=(\w+)/\d{8}/[\w-]+/ecr/aws4_request,")


class EcrApi:
    """The one operation of ECR that a push needs. `registry_host` returns the registry's host and port."""

    def __init__(self, ecr: Ecr, registry_host: Callable[[], str]) -> None:
        self._ecr = ecr
        self._registry_host = registry_host

    def routes(self) -> list[Route]:
        """List the routes."""
        return [Route("POST", "/", self._call, max_body=MAX_LOGIN_BYTES)]

    def _call(self, call: Call) -> Response:
        """Perform GetAuthorizationToken, in AWS's JSON protocol 1.1."""
        headers = call.request.headers
        try:
            if headers.get("X-Amz-Target") != _TARGET:
                raise EcrError("UnknownOperationException", "only GetAuthorizationToken is there")
            signed = _CREDENTIAL.match(headers.get("Authorization", ""))
            if signed is None:
                raise EcrError("MissingAuthenticationTokenException", "Missing Authentication Token")
            data = self._ecr.authorization(signed[1], headers.get("X-Amz-Security-Token", ""))
        except EcrError as error:
            return json_response({"__type": error.name, "message": error.message}, 400, _AMZ_JSON)
        answer = {"authorizationData": [{**data, "proxyEndpoint": f"http://{self._registry_host()}"}]}
        return json_response(answer, 200, _AMZ_JSON)


class RegistryApi:
    """Blobs and manifests over HTTP. Every call needs ECR's token."""

    def __init__(self, registry: Registry, ecr: Ecr, variants: ContractVariants) -> None:
        self._registry = registry
        self._ecr = ecr
        self._variants = variants

    def routes(self) -> list[Route]:
        """List the routes; those of GET also serve HEAD."""
        return [
            Route("GET", "/v2/", self._guarded(self._version)),
            Route("GET", f"{_REPOSITORY}/tags/list", self._guarded(self._tags)),
            Route("GET", _BLOB, self._guarded(self._blob)),
            Route("POST", _UPLOADS, self._guarded(self._begin)),
            Route("PATCH", _UPLOAD, self._guarded(self._append), max_body=MAX_BLOB_BYTES),
            Route("PUT", _UPLOAD, self._guarded(self._finish), max_body=MAX_BLOB_BYTES),
            Route("GET", _MANIFEST, self._guarded(self._manifest)),
            Route("PUT", _MANIFEST, self._guarded(self._put_manifest), max_body=MAX_MANIFEST_BYTES),
        ]

    def _guarded(self, act: Callable[..., Response]) -> Callable[..., Response]:
        """Require a token, and respond to errors in the registry's format."""

        def answer(call: Call, **names: str) -> Response:
            try:
                self._ecr.require(call.request.headers.get("Authorization"))
                response = act(call, **names)
            except HTTPException as error:
                body = {"errors": [{"code": "SIZE_INVALID", "message": str(error.description)}]}
                response = json_response(body, error.code or 400)
            except RegistryError as error:
                response = json_response({"errors": [{"code": error.code, "message": error.message}]}, error.status)
                if error.status == 401:
                    challenge = f'Basic realm="{call.base_url}/",service="ecr.amazonaws.com"'
                    response.headers["WWW-Authenticate"] = challenge
            response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
            return response

        return answer

    def _version(self, _call: Call) -> Response:
        return json_response({}, 200)

    def _tags(self, _call: Call, repository: str) -> Response:
        self._check_readable(repository)
        return json_response({"name": repository, "tags": list(self._registry.tags(repository))}, 200)

    def _blob(self, call: Call, repository: str, digest: str) -> Response:
        path = self._registry.blob(repository, digest)
        if call.request.method != "HEAD":
            self._check_readable(repository)
        response = Response(_chunks(path), content_type="application/octet-stream")
        response.content_length = path.stat().st_size
        response.headers["Docker-Content-Digest"] = digest
        return response

    def _begin(self, call: Call, repository: str) -> Response:
        _check_writable(repository)
        wanted, source = call.request.args.get("mount"), call.request.args.get("from")
        if wanted and source and self._registry.mount(repository, wanted, source):
            return _located(201, f"/v2/{repository}/blobs/{wanted}", digest=wanted)
        upload = self._registry.begin_upload(repository)
        return _located(202, f"/v2/{repository}/blobs/uploads/{upload}", upload=upload, end=0)

    def _append(self, call: Call, repository: str, upload: str) -> Response:
        size = self._registry.append(upload, call.request.stream)
        return _located(202, f"/v2/{repository}/blobs/uploads/{upload}", upload=upload, end=size)

    def _finish(self, call: Call, repository: str, upload: str) -> Response:
        digest = call.request.args.get("digest", "")
        self._registry.finish_upload(repository, upload, digest, call.request.stream)
        return _located(201, f"/v2/{repository}/blobs/{digest}", digest=digest)

    def _manifest(self, _call: Call, repository: str, reference: str) -> Response:
        self._check_readable(repository)
        manifest = self._registry.manifest(repository, reference)
        response = Response(manifest.content, content_type=manifest.media_type)
        response.headers["Docker-Content-Digest"] = manifest.digest
        return response

    def _put_manifest(self, call: Call, repository: str, reference: str) -> Response:
        _check_writable(repository)
        content = call.request.get_data()
        immutable = self._variants.read().image_tags == "immutable"
        media_type = call.request.mimetype
        digest = self._registry.put_manifest(repository, reference, media_type, content, immutable=immutable)
        return _located(201, f"/v2/{repository}/manifests/{digest}", digest=digest)

    def _check_readable(self, repository: str) -> None:
        """Refuse reading if the variant says so: it is not documented whether the temporary keys allow it."""
        if repository == REPOSITORY and self._variants.read().repository_reads == "forbidden":
            raise RegistryError(403, "DENIED", "not authorized to perform: ecr:BatchGetImage")


def _check_writable(repository: str) -> None:
    if repository in SEED_REPOSITORIES:
        raise RegistryError(403, "DENIED", f"not authorized to perform: ecr:PutImage on {repository}")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _located(
    status: int, location: str, *, digest: str | None = None, upload: str | None = None, end: int = 0
) -> Response:
    """Return an empty response with the Location of the upload or the stored content."""
    response = Response(status=status)
    # Relative: a client may resolve it against another address than the one that it used.
    response.autocorrect_location_header = False
    response.headers["Location"] = location
    if digest is not None:
        response.headers["Docker-Content-Digest"] = digest
    if upload is not None:
        response.headers["Docker-Upload-UUID"] = upload
        response.headers["Range"] = f"0-{max(0, end - 1)}"
    return response
