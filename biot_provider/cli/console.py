"""Output of the commands: results go to the standard output, problems to the error output.

The lines may quote a plugin or a platform, so control characters are escaped before they reach the terminal.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable
from typing import TextIO

_JOINERS = "\u200c\u200d"
"""Zero-width characters that words and emoji need."""
_SHORT = {"\n": "\\n", "\r": "\\r"}


def print_result(text: str, *, label: str = "", style: str = "") -> None:
    """Print one line of the result and flush it, also into a pipe.

    ``style`` is an ANSI number. It applies to ``label``, or to the text where there is no label.
    """
    shown = printable(text)
    if style and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        label, shown = (_styled(style, label), shown) if label else ("", _styled(style, shown))
    _write(sys.stdout, f"{label}{shown}\n")


def print_paragraph(heading: str, lines: Iterable[str]) -> None:
    """Print lines, indented below a heading."""
    for line in ("", heading, "", *(f"    {line}" if line else "" for line in lines)):
        print_result(line)


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, such as ``3 plugins``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_problem(text: str) -> None:
    """Print a problem, usually one line, to the error output."""
    lines = "\n".join(printable(line) for line in text.split("\n"))
    _write(sys.stderr, f"biot-provider: {lines}\n")


def printable(text: str) -> str:
    """Return the text as one line that a terminal shows and does not interpret.

    Control characters, line ends, bidirectional marks and invisible characters become escapes.
    """
    if text.isprintable():
        return text
    return "".join(_SHORT.get(c) or f"\\u{ord(c):04x}" if _is_control(c) else c for c in text)


def _is_control(character: str) -> bool:
    if character == "\t" or character in _JOINERS:
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _styled(style: str, text: str) -> str:
    return f"\033[{style}m{text}\033[0m"


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
