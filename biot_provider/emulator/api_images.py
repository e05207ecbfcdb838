"""The way to the image repository: temporary keys (BioT API 2.4.2, plugins), and ECR's token for them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from .ecr import REGION, EcrRefusal
from .registry import REPOSITORY
from .routes import Route
from .seed_image import add_seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ecr import Ecr
    from .registry import Registry
    from .routes import Call

_CREDENTIALS = "/settings/v2/plugins/docker-repository/temp-credentials"
_TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=(\w+)/\d{8}/[\w-]+/ecr/aws4_request,")


class ImagesApi:
    """Keys and tokens over HTTP. `registry_host` tells where the registry listens."""

    def __init__(self, registry: Registry, ecr: Ecr, registry_host: Callable[[], str]) -> None:
        self._registry = registry
        self._ecr = ecr
        self._registry_host = registry_host

    def routes(self) -> list[Route]:
        """What it answers."""
        permission = "SETTINGS_PLUGIN_GET_DOCKER_REPOSITORY_TEMP_CREDENTIALS"
        return [
            Route("GET", _CREDENTIALS, self._credentials, permission),
            Route("POST", "/", self._ecr_call),
        ]

    def _credentials(self, _call: Call) -> tuple[int, Any]:
        # Whoever pushes begins here, so here is where the base images get ready.
        add_seeds(self._registry)
        keys = self._ecr.keys()
        expiration = datetime.fromtimestamp(keys.expires, UTC).isoformat(timespec="seconds")
        return 200, {
            "credentials": {
                "accessKeyId": keys.access_key_id,
                "secretAccessKey": keys.secret_access_key,
                "sessionToken": keys.session_token,
                "expiration": expiration.replace("+00:00", "Z"),
            },
            "region": REGION,
            "repositoryUri": f"{self._registry_host()}/{REPOSITORY}",
        }

    def _ecr_call(self, call: Call) -> Response:
        """ECR's one operation that pushing needs, in AWS's JSON protocol 1.1."""
        headers = call.request.headers
        try:
            if headers.get("X-Amz-Target") != _TARGET:
                raise EcrRefusal("UnknownOperationException", "only GetAuthorizationToken is there")
            signed = _CREDENTIAL.match(headers.get("Authorization", ""))
            if signed is None:
                raise EcrRefusal("MissingAuthenticationTokenException", "Missing Authentication Token")
            data = self._ecr.authorization(signed[1], headers.get("X-Amz-Security-Token", ""))
        except EcrRefusal as refusal:
            return _amz({"__type": refusal.name, "message": refusal.message}, 400)
        return _amz({"authorizationData": [{**data, "proxyEndpoint": f"http://{self._registry_host()}"}]}, 200)


def _amz(body: Any, status: int) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/x-amz-json-1.1")
