"""Output of the commands: results go to the standard output, problems to the error output.

The lines may quote a plugin or a platform, so control characters are escaped before they reach the terminal.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from typing import Any

import click

_JOINERS = "\u200c\u200d"
"""Zero-width characters that words and emoji need."""
_SHORT = {"\n": "\\n", "\r": "\\r"}


def print_result(text: str, *, label: str = "", **style: Any) -> None:
    """Print one line of the result and flush it, also into a pipe.

    ``style`` is what `click.style` takes. It applies to ``label``, or to the text where there is no label.
    """
    shown = printable(text)
    if style:
        label, shown = (click.style(label, **style), shown) if label else ("", click.style(shown, **style))
    click.echo(f"{label}{shown}")


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
    click.echo(f"biot-provider: {lines}", err=True)


def color() -> bool | None:
    """Return whether the environment wants colours, or None: on a terminal alone (no-color.org, force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


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
