"""Limits the stack trace of a resource's declaration, which the engine keeps in state, to the program's own frames."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pulumi

_SDK = (f"{Path(pulumi.__file__).parent}{os.sep}", "<frozen ")
_SDK_FRAMES = 4
"""The SDK's frames from a resource's constructor to where the SDK takes the stack trace."""

_LIMIT = threading.RLock()
"""The limit belongs to the process, but programs of the automation API run in threads."""


@contextmanager
def program_frames() -> Iterator[None]:
    """Register a resource in the block with a stack trace that ends with the program's outermost frame.

    The SDK also sends the frames below that one, of itself, asyncio and the language host: a kilobyte of state for each
    resource, with paths of this machine.
    """
    frame = sys._getframe(2)  # the caller that enters the block
    depth = _SDK_FRAMES
    while frame is not None and not frame.f_code.co_filename.startswith(_SDK):
        depth += 1
        frame = frame.f_back  # type: ignore[assignment]
    with _LIMIT:
        before = getattr(sys, "tracebacklimit", None)
        sys.tracebacklimit = depth
        try:
            yield
        finally:
            if before is None:
                del sys.tracebacklimit
            else:
                sys.tracebacklimit = before
