"""The route to the image repository: temporary keys (BioT API 2.4.2, plugins)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http.routes import Route
from biot_provider.emulator.images.ecr import REGION
from biot_provider.emulator.images.registry import REPOSITORY
from biot_provider.emulator.images.seed_image import add_seeds
from biot_provider.emulator.timestamps import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from biot_provider.emulator.http.routes import Call
    from biot_provider.emulator.images.ecr import Ecr
    from biot_provider.emulator.images.registry import Registry

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
