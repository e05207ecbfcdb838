"""Results of a check. A check returns one line about what it found, or raises `Problem` or `Note`."""

from __future__ import annotations

from biot_provider.errors import coded


class Problem(Exception):  # noqa: N818  (the result of a check, not a fault of the program)
    """A failed check; the text is one line with the cause and the remedy, ``code`` names it in the catalogue."""

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
