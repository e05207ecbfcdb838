"""Amazon ECR's token for the platform's temporary AWS keys.

botocore knows ECR's address, signs the call and reads the response. The request itself uses our own transport, so that
certificates and proxies are those of every other request.
"""

from __future__ import annotations

import functools
import io
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from biot_provider.api.redaction import redact
from biot_provider.errors import ImageError
from biot_provider.image.distribution import open_http
from biot_provider.image.registry_errors import exchange

if TYPE_CHECKING:
    from biot_provider.api.models.images import DockerCredentials

# The machine's own AWS configuration is ignored: keys and region come from the platform.
_NO_AWS_CONFIGURATION = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
# botocore knows best which errors of AWS are transient.
_CONFIG = Config(retries={"total_max_attempts": 3, "mode": "standard"})
_LOCK = threading.Lock()
"""Held while a client is made: a session is not for use by several threads."""


@functools.cache
def _session() -> Any:
    """Return what makes clients. It has no keys, and reads the description of AWS, the slow part, only once."""
    return botocore.session.Session(session_vars=_NO_AWS_CONFIGURATION)


def authorization_token(credentials: DockerCredentials, endpoint: str | None) -> str:
    """Return the token for the registry; ``endpoint`` is ECR's address, None for that of AWS.

    Raises ImageError.
    """
    action = "log in to the image repository"
    keys = credentials.credentials
    secrets = (keys.secret_access_key, keys.session_token)
    http = open_http()

    def send(request: Any, **_: Any) -> AWSResponse:
        headers = list(request.headers.items())
        response: Any = http.request(request.method, request.url, headers=headers, content=request.body)
        return AWSResponse(request.url, response.status_code, response.headers, _Body(response.content))

    try:
        with _LOCK:
            client: Any = _session().create_client(
                "ecr",
                region_name=credentials.region,
                endpoint_url=endpoint,
                aws_access_key_id=keys.access_key_id,
                aws_secret_access_key=keys.secret_access_key,
                aws_session_token=keys.session_token,
                config=_CONFIG,
            )
        client.meta.events.register_first("before-send.ecr", send)
        data = exchange(action, client.get_authorization_token, secrets)["authorizationData"]
        return str(data[0]["authorizationToken"])
    except ClientError as error:
        refusal = error.response.get("Error", {})
        text = redact(f"{refusal.get('Code')}: {refusal.get('Message')}", secrets)
        raise ImageError(
            f"{action}: AWS ECR answered {' '.join(text.split())[:200]}",
            "BIOT-4011",
            advice="run `pulumi up` again; if it stays, ask BioT about the repository's temporary credentials",
        ) from None
    except (BotoCoreError, LookupError, ValueError) as error:
        raise ImageError(f"{action}: AWS ECR cannot be asked ({error})", "BIOT-4011") from None


class _Body(io.BytesIO):
    """The body of a response, in the form that botocore reads."""

    def stream(self) -> Iterator[bytes]:
        """Yield the whole body."""
        yield self.read()
