"""Every error this project raises, as one tree.

    BiotError
    ├── ConfigError       the connection's configuration is missing or wrong
    ├── InputError        arguments, a plugin.yaml or an override are wrong
    ├── PackagingError    a folder or .zip cannot become a deployment package
    ├── LifecycleError    an operation stopped: what is known, and what to do
    ├── TransportError    no usable answer: unreachable, cut off, or not the platform's
    └── ApiError          the platform answered and refused
        ├── NotFoundError     it says the plugin does not exist
        └── ConflictError     it says the name is taken

The text of each stands alone: what was asked, what came back, the trace id, what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BiotError(Exception):
    """Anything this project reports to its user; its text is one line and holds no secret."""


class ConfigError(BiotError):
    """The connection's configuration is missing or wrong."""


class InputError(BiotError):
    """Arguments of a resource, a plugin.yaml or an override are wrong."""


class PackagingError(BiotError):
    """A folder or .zip cannot become a deployment package."""


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
    """The platform answered with an error (BioT API 2.4.2, ErrorResponse)."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None,
        details: Mapping[str, Any] | None = None,
        trace_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.trace_id = trace_id

    @property
    def unclear(self) -> bool:
        """Whether the platform may have acted all the same: any 5xx, a failed rollback among them."""
        return self.status >= 500


class NotFoundError(ApiError):
    """``PLUGIN_NOT_FOUND``, the one answer that means a plugin is gone; other 404s stay ApiErrors."""


class ConflictError(ApiError):
    """``PLUGIN_EXISTS_BY_NAME``: a plugin of that name is there already."""
