"""Where commands write: results on the standard output, problems on the error output.

What a plugin says, or a platform, is in their lines: nothing of it may steer the terminal.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TextIO

_JOINERS = "\u200c\u200d"
"""Zero-width, but parts of written words and of emoji."""
_SHORT = {"\n": "\\n", "\r": "\\r"}


def say(text: str, *, label: str = "", style: str = "") -> None:
    """One line of the result, out at once, also into a pipe.

    A style, a number of ANSI's, is for the label before the text, or where there is none for the text itself.
    """
    shown = printable(text)
    if style and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        label, shown = (_styled(style, label), shown) if label else ("", _styled(style, shown))
    _write(sys.stdout, f"{label}{shown}\n")


def complain(text: str) -> None:
    """What went wrong, usually one line."""
    lines = "\n".join(printable(line) for line in text.split("\n"))
    _write(sys.stderr, f"biot-provider: {lines}\n")


def printable(text: str) -> str:
    """The text as one line that a terminal shows and does not obey.

    Control characters, line ends among them, and what turns the direction of writing or cannot be seen become escapes.
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
