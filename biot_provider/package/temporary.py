"""Temporary files, and how a machine without room for them is reported."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from biot_provider.errors import PackagingError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def reporting_no_room() -> Iterator[None]:
    """Raise PackagingError where a temporary file cannot be made or written for want of room."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            summary = f"{tempfile.gettempdir()} has no room for temporary files ({error.strerror})"
        elif error.errno == errno.ENOENT and error.filename is None:  # of the module `tempfile`
            summary = "there is no folder for temporary files that this account may write to"
        else:
            raise
        advice = "make room there, or set TMPDIR to another folder"
        raise PackagingError(summary, "BIOT-3121", advice=advice) from None
