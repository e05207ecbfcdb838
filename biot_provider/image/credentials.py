"""What pushing takes: the platform's temporary AWS keys, and ECR's token for them; kept in this process only."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from biot_provider.api.redaction import redact
from biot_provider.api.single_flight import SingleFlight
from biot_provider.errors import ImageError

if TYPE_CHECKING:
    from biot_provider.api.models.images import DockerCredentials

_MARGIN = 300.0
_DEFAULT_SECONDS = 3600.0
"""How long temporary keys live (BioT's plugin guide)."""
_LONGEST_LOGIN = 300.0
"""Seconds to wait for a login of another thread: longer than its own timeouts add up to."""

# A machine's own AWS configuration has no say: keys and region are the platform's.
_NO_AWS_CONFIGURATION = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}

EMBEDDED_REGION = "embedded"
LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Access:
    """The environment's repository and the token that opens its registry."""

    host: str
    repository: str
    token: str = field(repr=False)
    embedded: bool
    expires: float

    @property
    def uri(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may show."""
        return (self.token, base64.b64decode(self.token).decode(errors="replace").partition(":")[2])


class RegistryLogin:
    """Fetches access when it is needed, and once more when it has expired; threads share it.

    ``fetch`` asks the platform. Raises ImageError, and what ``fetch`` raises.
    """

    def __init__(self, fetch: Callable[[], DockerCredentials], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._flight = SingleFlight[Access]()
        self._access: Access | None = None

    def access(self, *, instead_of: Access | None = None) -> Access:
        """Access that is good for five minutes at least; ``instead_of`` names one that a registry refused."""

        def good() -> Access | None:
            known = self._access
            fresh = known is not None and known != instead_of and known.expires - self._clock() >= _MARGIN
            return known if fresh else None

        def fetch(_seconds: float) -> Access:
            if (known := good()) is None:
                known = self._access = self._log_in(self._fetch())
            return known

        try:
            return good() or self._flight.run(fetch, _LONGEST_LOGIN)
        except TimeoutError:
            raise ImageError("log in to the image repository: it takes too long; run `pulumi up` again") from None

    def _log_in(self, credentials: DockerCredentials) -> Access:
        host, slash, repository = credentials.repository_uri.partition("/")
        if not (host and slash and repository):
            raise ImageError(f"the platform's repositoryUri {credentials.repository_uri!r} is no <host>/<repository>")
        embedded = credentials.region == EMBEDDED_REGION and host.partition(":")[0] in LOOPBACK
        token = _authorization_token(credentials, f"http://{host}" if embedded else None)
        now = self._clock()
        expires = _seconds(credentials.credentials.expiration) or now + _DEFAULT_SECONDS
        # Where this machine's clock is fast, keys that are new would count as old with each request.
        expires = max(expires, now + 2 * _MARGIN)
        return Access(host, repository, token, embedded, expires)


def require_libraries() -> None:
    """Load what images need. Raises ImageError that says how to install it."""
    try:
        import boto3  # noqa: F401
        import dxf  # noqa: F401
    except ImportError as error:
        raise ImageError(
            f"images need {error.name or 'more libraries'}, which is not installed:"
            " run `pip install 'biot-provider[image]'`"
        ) from None


def _authorization_token(credentials: DockerCredentials, endpoint: str | None) -> str:
    require_libraries()
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    keys = credentials.credentials
    # Loopback needs no proxy.
    config = Config(
        connect_timeout=10,
        read_timeout=30,
        retries={"total_max_attempts": 3, "mode": "standard"},
        proxies={} if endpoint else None,
    )
    try:
        own = boto3.session.Session(botocore_session=botocore.session.Session(session_vars=_NO_AWS_CONFIGURATION))
        client = own.client(
            "ecr",
            region_name=credentials.region,
            endpoint_url=endpoint,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            config=config,
        )
        data = client.get_authorization_token()["authorizationData"]
        return str(data[0]["authorizationToken"])
    except ClientError as error:
        answer = error.response.get("Error", {})
        said = redact(f"{answer.get('Code')}: {answer.get('Message')}", (keys.secret_access_key, keys.session_token))
        said = " ".join(said.split())[:200]
        raise ImageError(
            f"log in to the image repository: AWS ECR answered {said}."
            " What to do: run `pulumi up` again; if it stays, ask BioT about the repository's temporary credentials"
        ) from None
    except (BotoCoreError, LookupError, ValueError) as error:
        raise ImageError(f"log in to the image repository: AWS ECR cannot be asked ({error})") from None


def _seconds(expiration: str | None) -> float | None:
    try:
        moment = datetime.fromisoformat(expiration or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
