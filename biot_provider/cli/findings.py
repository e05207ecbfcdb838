"""What stops a command, or what a check of `doctor` finds; a check returns one line where all is well."""

from __future__ import annotations

from biot_provider.errors import BiotError, coded


class WrongUsageError(BiotError):
    """The arguments of the command make no sense together; each line of the text is one problem."""


class _Finding(Exception):  # noqa: N818  (something that a user can mend, not a fault of the program)
    """The text is one line; ``code`` names it in the catalogue of messages."""

    def __init__(self, text: str, code: str | None) -> None:
        super().__init__(coded(text, code))
        self.text = text
        self.code = code


class Problem(_Finding):
    """The text says the cause and the remedy."""


class Note(_Finding):
    """Something that only some programs need is missing; the text says what is missing and who needs it."""


def reason(error: Exception) -> str:
    """Return the system's reason for an error."""
    return getattr(error, "strerror", None) or type(error).__name__
