"""The credentials for a push: the platform's temporary AWS keys, and ECR's token; kept only in this process."""

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
"""How long temporary keys are valid (BioT's plugin guide)."""
_LONGEST_LOGIN = 300.0
"""Seconds to wait for another thread's login: longer than the sum of that login's timeouts."""

EMBEDDED_REGION = "embedded"


@dataclass(frozen=True, slots=True)
class Access:
    """The environment's repository and the token for its registry."""

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
        """The values that no text may show."""
        return (self.token, base64.b64decode(self.token).decode(errors="replace").partition(":")[2])


class RegistryLogin:
    """Fetches credentials when they are first needed, and again after they expired; threads share them.

    ``fetch`` requests the platform's credentials. Raises ImageError, and what ``fetch`` raises.
    """

    def __init__(self, fetch: Callable[[], DockerCredentials], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._flight = SingleFlight[Access]()
        self._access: Access | None = None

    def access(self, *, instead_of: Access | None = None) -> Access:
        """Return credentials valid for at least five minutes; ``instead_of`` are refused ones."""

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
        # If this machine's clock is fast, new keys would count as expired in each request.
        expires = max(expires, now + 2 * _MARGIN)
        return Access(host, repository, token, embedded, expires)


def require_libraries() -> None:
    """Import the libraries that only images need. Raises ImageError with the command that installs them."""
    try:
        import botocore  # noqa: F401
    except ImportError as error:
        raise ImageError(
            f"images need {error.name or 'more libraries'}, which is not installed:"
            " run `pip install 'biot-provider[image]'`",
            "BIOT-4008",
        ) from None
