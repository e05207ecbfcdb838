"""The route to the image repository: temporary keys (BioT API 2.4.2, plugins)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..http.routes import Route
from ..timestamps import iso
from .ecr import REGION
from .registry import REPOSITORY
from .seed_image import add_seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..http.routes import Call
    from .ecr import Ecr
    from .registry import Registry

_CREDENTIALS = "/settings/v2/plugins/docker-repository/temp-credentials"


def routes(registry: Registry, ecr: Ecr, registry_host: Callable[[], str]) -> list[Route]:
    """List the routes. `registry_host` returns the registry's host and port."""

    def credentials(_call: Call) -> tuple[int, Any]:
        # Every push begins here, so this is where the base images are created.
        add_seeds(registry)
        keys = ecr.keys()
        return 200, {
            "credentials": {
                "accessKeyId": keys.access_key_id,
                "secretAccessKey": keys.secret_access_key,
                "sessionToken": keys.session_token,
                "expiration": iso(keys.expires, "seconds"),
            },
            "region": REGION,
            "repositoryUri": f"{registry_host()}/{REPOSITORY}",
        }

    return [Route("GET", _CREDENTIALS, credentials, "SETTINGS_PLUGIN_GET_DOCKER_REPOSITORY_TEMP_CREDENTIALS")]
