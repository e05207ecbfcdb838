"""What stops a command."""

from __future__ import annotations

from biot_provider.errors import BiotError


class CommandError(BiotError):
    """The command cannot do what it is for, and its user can mend it; the text says what is wrong and what to do."""


class WrongUsageError(BiotError):
    """The arguments of the command make no sense together; each line of the text is one problem."""
