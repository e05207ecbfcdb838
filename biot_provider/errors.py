"""Every error this project raises, as one tree.

    BiotError
    ├── ConfigError       the connection's configuration is missing or wrong
    ├── InputError        arguments, a plugin.yaml or an override are wrong
    ├── PackagingError    a folder or .zip cannot become a deployment package
    ├── TransportError    no usable answer: unreachable, cut off, or not the platform's
    └── ApiError          the platform answered and refused
        ├── NotFoundError     it says the plugin does not exist
        └── ConflictError     it says the name is taken

The text of each stands alone: what was asked, what came back, what to do.
"""

from __future__ import annotations


class BiotError(Exception):
    """Anything this project reports to its user; its text is one line and holds no secret."""


class ConfigError(BiotError):
    """The connection's configuration is missing or wrong."""


class InputError(BiotError):
    """Arguments of a resource, a plugin.yaml or an override are wrong."""


class PackagingError(BiotError):
    """A folder or .zip cannot become a deployment package."""
