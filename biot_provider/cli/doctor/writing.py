"""Checks of the places that `pulumi up` writes to on this machine, each with a temporary file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from biot_provider.api.request_log import is_debugging, log_file, open_log
from biot_provider.cli.doctor.report import NoteError
from biot_provider.cli.errors import CommandError
from biot_provider.errors import reason

_WRITTEN_BYTES = 64 * 1024
"""A full disk may still take a few bytes."""


def writing(start: Path, data: Path | None, environment: Mapping[str, str]) -> str:
    """Check the temporary folder, the embedded platform's ``data`` and, where it is on, the debug log.

    Relative paths start at ``start``, as in the provider. Raises CommandError, and NoteError for the log, which nothing
    depends on.
    """
    try:
        temporary = Path(tempfile.gettempdir())
        _try_write(temporary)
    except OSError as error:
        raise CommandError(
            f"no temporary folder takes the packages ({reason(error)}): set TMPDIR to a folder with room", "BIOT-8038"
        ) from None
    places = [f"packages in {temporary}"]
    if data is not None:
        try:
            _try_write(_nearest(start / data))
        except (OSError, ValueError) as error:
            raise CommandError(
                f"the embedded platform's data cannot be written to {str(data)!r} ({reason(error)}):"
                " name another folder in biot:baseUrl (embedded:<folder>)",
                "BIOT-1007",
            ) from None
        places.append(f"the embedded platform in {data}")
    if is_debugging(environment):
        file = log_file(environment)
        try:
            _try_log(start / file)
        except (OSError, ValueError) as error:
            raise NoteError(
                f"the debug log {str(file)!r} cannot be written ({reason(error)}), and `up` continues without it:"
                " name another file in BIOT_LOG_FILE",
                "BIOT-8039",
            ) from None
        places.append(f"the debug log {file}")
    return ", ".join(places)


def _try_write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_WRITTEN_BYTES))
        file.flush()


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder


def _try_log(file: Path) -> None:
    if os.path.lexists(file):
        os.close(open_log(file))
    else:
        _try_write(_nearest(file))
