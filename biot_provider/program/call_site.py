"""Where a program declares a resource: of what the engine keeps of it in state, the program's own part."""

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
"""Of the SDK's own, from the constructor of a resource to where it takes the stack trace."""

_LIMIT = threading.RLock()
"""The limit is the process's, and programs of the automation API run in threads."""


@contextmanager
def program_frames() -> Iterator[None]:
    """Register a resource in the block with a stack trace that ends with the program's outermost frame.

    The SDK sends the frames below it too, those of its own, of asyncio and of the language host: for each resource a
    kilobyte of state, with this machine's paths in it.
    """
    frame = sys._getframe(2)  # whoever is in the block
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
