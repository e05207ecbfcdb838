"""Which plugins the resources of a run have: the engine may hold one twice, there, and to be deleted.

A stack that moves from the dynamic resources to the native provider, or back, has two provider processes in one run:
the one deletes what the other continues with. They share what they keep in a file of the run, which the engine's
address names; a note counts as long as the process lives that wrote it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.plugin.model import PluginState
from biot_provider.plugin.stamp import is_remade

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTED = ("name", "creation_time", "endpoint_url")


class KeptPlugins:
    """The plugins that are not to be deleted in this run. ``file`` is shared by its processes; None for none."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._states: list[PluginState] = []

    @classmethod
    def of_this_run(cls) -> KeptPlugins:
        """Those of the engine that has started this process with its address."""
        address = sys.argv[1] if len(sys.argv) > 1 else ""
        if os.name == "nt" or not address.rpartition(":")[2].isdigit():
            return cls(None)
        run = hashlib.sha256(address.encode()).hexdigest()[:16]
        return cls(Path(tempfile.gettempdir(), f"biot-provider-{os.getuid()}-{run}"))

    def add(self, state: PluginState) -> None:
        """Keep this one."""
        if state in self:
            return
        self._states.append(state)
        if self._file is not None:
            note = {"pid": os.getpid(), **{name: getattr(state, name) for name in _NOTED}}
            with contextlib.suppress(OSError):
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
                file = os.open(self._file, flags, 0o600)
                with os.fdopen(file, "a") as target:
                    target.write(json.dumps(note) + "\n")

    def __contains__(self, state: PluginState) -> bool:
        """Whether this one is kept, by this process or another one of the run."""
        return any(
            kept.name == state.name and not is_remade(kept, state) for kept in (*self._states, *self._of_others())
        )

    def _of_others(self) -> Iterator[PluginState]:
        try:
            if self._file is None or self._file.stat(follow_symlinks=False).st_uid != os.getuid():
                return
            lines = self._file.read_text("utf-8").splitlines()
        except (OSError, ValueError):
            return
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                note = json.loads(line)
                if _is_running(int(note["pid"])):
                    yield PluginState(**{name: note[name] for name in _NOTED})


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
