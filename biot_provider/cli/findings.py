"""What stops a command, or what a check of `doctor` finds; a check returns one line where all is well."""

from __future__ import annotations

from biot_provider.errors import BiotError, coded


class WrongUsageError(BiotError):
    """The arguments of the command make no sense together; each line of the text is one problem."""


class Problem(Exception):  # noqa: N818  (something that a user can mend, not a fault of the program)
    """The text is one line with the cause and the remedy; ``code`` names it in the catalogue of messages."""

    def __init__(self, text: str, code: str | None) -> None:
        super().__init__(coded(text, code))
        self.text = text
        self.code = code


class Note(Exception):  # noqa: N818
    """Something that only some programs need is missing; the text is one line with what is missing and who needs it."""

    def __init__(self, text: str, code: str | None) -> None:
        super().__init__(coded(text, code))
        self.text = text
        self.code = code
