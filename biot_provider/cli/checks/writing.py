"""The places that `pulumi up` writes to on this machine, tried out with a file that is gone again at once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from biot_provider.api.request_log import is_debugging, log_file, open_log

from . import Note, Problem
from .project import reason

_TRIED = 64 * 1024
"""Bytes: a full disk may still take a few."""


def writing(start: Path, data: Path | None, environment: Mapping[str, str]) -> str:
    """Packages in the temporary folder, the embedded platform's ``data``, the debug log where it is wanted.

    Relative paths begin at ``start``, as for the provider. Raises Note for the log, without which all works.
    """
    try:
        temporary = Path(tempfile.gettempdir())
        _try(temporary)
    except OSError as error:
        raise Problem(
            f"no temporary folder takes the packages ({reason(error)}): set TMPDIR to a folder with room"
        ) from None
    places = [f"packages in {temporary}"]
    if data is not None:
        try:
            _try(_nearest(start / data))
        except (OSError, ValueError) as error:
            raise Problem(
                f"the embedded platform's data cannot be written to {str(data)!r} ({reason(error)}):"
                " name another folder in biot:baseUrl (embedded:<folder>)"
            ) from None
        places.append(f"the embedded platform in {data}")
    if is_debugging(environment):
        file = log_file(environment)
        try:
            _try_log(start / file)
        except (OSError, ValueError) as error:
            raise Note(
                f"the debug log {str(file)!r} cannot be written ({reason(error)}), and `up` goes on without it:"
                " name another file in BIOT_LOG_FILE"
            ) from None
        places.append(f"the debug log {file}")
    return ", ".join(places)


def _try(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_TRIED))
        file.flush()


def _nearest(folder: Path) -> Path:
    """The folder, or the one above it that is there, in which it will be made."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder


def _try_log(file: Path) -> None:
    if os.path.lexists(file):
        os.close(open_log(file))
    else:
        _try(_nearest(file))
