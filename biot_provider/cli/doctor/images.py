"""Checks of what images need: the libraries that push them, and a builder for those with a Dockerfile."""

from __future__ import annotations

from biot_provider.cli.doctor.report import NoteError
from biot_provider.errors import ImageError
from biot_provider.image.credentials import require_libraries
from biot_provider.image.dockerfile.builders import probe


def images() -> str:
    """Return the builder that `biot.PluginImage` uses. Raises NoteError where a builder or a library is missing."""
    try:
        require_libraries()
    except ImageError as error:
        raise NoteError(
            f"needed only where the program has biot.PluginImage: {error.text}", error.message_code
        ) from None
    found = probe()
    for builder, problem in found.items():
        if problem is None:
            return f"{builder} builds from a Dockerfile"
    reasons = "; ".join(f"{builder}: {problem}" for builder, problem in found.items())
    raise NoteError(f"no builder, which only an image with a Dockerfile needs ({reasons})", "BIOT-4030")
