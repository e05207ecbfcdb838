"""Files that appear whole or not at all; one with secrets can be read by its owner alone from its first byte on."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write a file with mode 0600, in place of one that is there. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)  # its mode is 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
