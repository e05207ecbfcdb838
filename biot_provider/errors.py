"""Every error this project raises, as one tree.

    BiotError
    ├── ConfigError       the connection's configuration is missing or wrong
    ├── InputError        arguments, a plugin.yaml or an override are wrong
    ├── PackagingError    a folder or .zip cannot become a deployment package
    ├── ImageError        an image cannot be built, read or pushed
    ├── LifecycleError    an operation stopped: what is known, and what to do
    ├── TransportError    no usable answer: unreachable, cut off, or not the platform's
    └── ApiError          the platform answered and refused
        ├── LoginError        it gave no token, so nothing else was sent
        ├── NotFoundError     it says that what is named does not exist
        └── ConflictError     it says the name is taken

The text of each stands alone: what was asked, what came back, the trace id, what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BiotError(Exception):
    """Anything this project reports to its user; its text is one line and holds no secret.

    ``out_of_time`` is true when more time might have helped.
    """

    out_of_time = False


class ConfigError(BiotError):
    """The connection's configuration is missing or wrong."""


class InputError(BiotError):
    """Arguments of a resource, a plugin.yaml or an override are wrong."""


class PackagingError(BiotError):
    """A folder or .zip cannot become a deployment package."""


class ImageError(BiotError):
    """An image cannot be built, read or pushed; after a failed build the text ends with the builder's last lines."""


class LifecycleError(BiotError):
    """An operation on a resource stopped; the text says what is known and what to do."""


class TransportError(BiotError):
    """No usable answer came back.

    ``unclear`` is true when the platform may have acted on the request all the same.
    """

    def __init__(self, message: str, *, unclear: bool) -> None:
        super().__init__(message)
        self.unclear = unclear


class ApiError(BiotError):
    """The platform answered with an error (BioT API 2.4.2, ErrorResponse).

    ``retry_after`` is the seconds it asks to wait before a repeat, where it asks.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None,
        details: Mapping[str, Any] | None = None,
        trace_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.trace_id = trace_id
        self.retry_after = retry_after

    @property
    def unclear(self) -> bool:
        """Whether the platform may have acted all the same: any 5xx, a failed rollback among them."""
        return self.status >= 500


class LoginError(ApiError):
    """The platform gave no token, whatever the reason: the request that needed one was never sent."""

    @property
    def unclear(self) -> bool:
        """False: nothing was sent that the platform could have acted on."""
        return False


class NotFoundError(ApiError):
    """The platform's own word that a plugin, service user, key or subscription is gone; other 404s stay ApiErrors."""


class ConflictError(ApiError):
    """The name is taken: a plugin, or a service user, of that name is there already."""
