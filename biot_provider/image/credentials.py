"""What pushing takes: the platform's temporary AWS keys, and ECR's token for them; kept in this process only."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from biot_provider.api.models.wide import moment
from biot_provider.api.single_flight import SingleFlight
from biot_provider.config import LOOPBACK
from biot_provider.errors import ImageError

if TYPE_CHECKING:
    from biot_provider.api.models.images import DockerCredentials

_MARGIN = 300.0
_DEFAULT_SECONDS = 3600.0
"""How long temporary keys live (BioT's plugin guide)."""
_LONGEST_LOGIN = 300.0
"""Seconds to wait for a login of another thread: longer than its own timeouts add up to."""

EMBEDDED_REGION = "embedded"


@dataclass(frozen=True, slots=True)
class Access:
    """The environment's repository and the token that opens its registry."""

    host: str
    repository: str
    token: str = field(repr=False)
    embedded: bool
    expires: float

    @property
    def address(self) -> str:
        """The registry's address."""
        return f"{'http' if self.embedded else 'https'}://{self.host}"

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

    ``fetch`` gets the platform's credentials. Raises ImageError, and what ``fetch`` raises.
    """

    def __init__(self, fetch: Callable[[], DockerCredentials], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._flight = SingleFlight[Access]()
        self._access: Access | None = None

    def access(self, *, instead_of: Access | None = None) -> Access:
        """Return access that is good for five minutes at least; ``instead_of`` names one that a registry refused."""

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
            raise ImageError(
                "log in to the image repository: it takes too long; run `pulumi up` again", "BIOT-4011"
            ) from None

    def _log_in(self, credentials: DockerCredentials) -> Access:
        host, slash, repository = credentials.repository_uri.partition("/")
        if not (host and slash and repository):
            raise ImageError(
                f"the platform's repositoryUri {credentials.repository_uri!r} is no <host>/<repository>", "BIOT-4011"
            )
        embedded = credentials.region == EMBEDDED_REGION and host.partition(":")[0] in LOOPBACK
        require_libraries()
        from biot_provider.image.ecr import authorization_token

        token = authorization_token(credentials, f"http://{host}" if embedded else None)
        now = self._clock()
        expiration = moment(credentials.credentials.expiration)
        expires = now + _DEFAULT_SECONDS if expiration is None else expiration.timestamp()
        # Where this machine's clock is fast, keys that are new would count as old with each request.
        expires = max(expires, now + 2 * _MARGIN)
        return Access(host, repository, token, embedded, expires)


def require_libraries() -> None:
    """Load what images need beside the rest. Raises ImageError that says how to install it."""
    try:
        import botocore  # noqa: F401
    except ImportError as error:
        raise ImageError(
            f"images need {error.name or 'more libraries'}, which is not installed:"
            " run `pip install 'biot-provider[image]'`",
            "BIOT-4008",
        ) from None
