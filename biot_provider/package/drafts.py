"""Files that appear whole or not at all: each is a draft under another name until it is renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRAFT = ".draft-"
"""How the names of drafts begin."""


@contextlib.contextmanager
def draft(folder: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Open a new file in the folder, on the disk of the later file; at the end remove it if it was not published.

    ``mode`` holds from the first byte on, less the user's umask. Raises OSError.
    """
    path = folder / f"{DRAFT}{secrets.token_hex(8)}"
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108


def publish(file: IO[bytes], path: Path) -> None:
    """Close a draft and give it its name, in place of a file that has it. Raises OSError."""
    file.close()
    os.replace(file.name, path)  # noqa: PTH105
