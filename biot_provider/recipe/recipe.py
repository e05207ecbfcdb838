"""The program's description of how sources become a package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

AUTO = "auto"
"""In place of a lock file's name: the lock file that lies beside the code."""
NONE = "none"
"""In place of a lock file's name: there are no dependencies to install."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A folder of sources, their runtime, and how they become a package.

    ``dependencies`` is ``AUTO``, ``NONE`` or the name of a lock file in the folder. ``output`` is the folder that the
    ``command`` writes, relative to the sources; ``inputs`` are patterns of the files on which its result depends.
    """

    folder: Path
    runtime: str
    dependencies: str = AUTO
    command: str | None = None
    output: str | None = None
    inputs: tuple[str, ...] = ()

    @property
    def language(self) -> str:
        """``python``, ``nodejs``, or the beginning of another runtime's name."""
        return self.runtime.rstrip("0123456789.x")

    @property
    def keeps_sources(self) -> bool:
        """Whether the package includes the sources themselves, and not only a command's output."""
        return self.command is None or self.output in (None, ".")
