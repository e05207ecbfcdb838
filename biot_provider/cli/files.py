"""Files that appear whole or not at all; one with secrets can be read by its owner alone from its first byte on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from biot_provider.cli.errors import CommandError
from biot_provider.package.drafts import draft, publish

PUBLIC, PRIVATE = 0o666, 0o600
"""Modes: what the user's umask leaves of all, and the owner alone."""


@dataclass(frozen=True)
class NewFile:
    """A file to write, in place of one that is there."""

    path: Path
    text: str
    mode: int = PUBLIC


def write_files(files: Iterable[NewFile], staging: Path | None = None) -> None:
    """Write all of them, each at once; where one fails, those that were not there before are taken away again.

    A file below ``staging`` is there until it is whole, any other in its own folder. Raises CommandError.
    """
    made: list[Path] = []
    folders: list[Path] = []
    current = None
    try:
        for file in files:
            current = file.path
            place = staging if staging and file.path.is_relative_to(staging) else file.path.parent
            folders += _make_folders(place) + _make_folders(file.path.parent)
            is_new = not os.path.lexists(file.path)
            with draft(place, file.mode) as stream:
                stream.write(file.text.encode())
                publish(stream, file.path)
            if is_new:
                made.append(file.path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            for path in reversed(made):
                path.unlink()
        for folder in reversed(folders):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, UnicodeEncodeError):
            problem = "its text holds a name that is not UTF-8, such as its folder's"
            raise CommandError(f"{current} cannot be written ({problem}): nothing new is left", "BIOT-8003") from None
        if isinstance(error, OSError):
            name = error.filename2 or error.filename or current  # a full disk names no file
            raise CommandError(
                f"{name} cannot be written ({error.strerror or error}): nothing new is left", "BIOT-8003"
            ) from None
        raise


def _make_folders(folder: Path) -> list[Path]:
    """Make the folder and those above it that are missing; gives those that were made, outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.is_dir()]
    for place in reversed(missing):
        place.mkdir()
    return missing[::-1]
