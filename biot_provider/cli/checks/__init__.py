"""What `biot-provider doctor` looks at. A check gives what it found, or raises `Problem` with what to do about it."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818  (what a check found, not a fault of the program)
    """Something is not as it must be; the text is one line that says what, and what to do."""


class Note(Exception):  # noqa: N818
    """Something that some programs need is not there; the text is one line that says what, and when it matters."""
