"""Make the project's virtual environment from the lock file: `python3 tools/setup_venv.py .venv`.

Every package comes by exact version and verified hash, the project itself as an editable install. Says what is
missing, in one line, when this Python cannot do it. Standard library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

OLDEST = (3, 11)
PROJECT = Path(__file__).resolve().parent.parent


def main(folder: Path) -> int:
    """Create or update the environment in ``folder``; the exit code."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        return _stop(f"Python 3.11 or newer is needed, this is {found}: run `make PYTHON=python3.13 ...`")
    report(f"setting up {folder} with Python {sys.version.split()[0]} (from requirements.lock) ...")
    try:
        # Made anew: an environment of another Python, or one half made, is not worth mending.
        venv.create(folder, clear=True, symlinks=os.name != "nt", with_pip=True)
    except (subprocess.CalledProcessError, OSError) as error:
        return _stop(
            f"this Python cannot make a virtual environment ({error}): install its venv module"
            " (Debian, Ubuntu: apt install python3-venv)"
        )
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    for step in (
        [*install, "--require-hashes", "-r", str(PROJECT / "requirements.lock")],
        [*install, "--no-build-isolation", "--no-deps", "-e", str(PROJECT)],
    ):
        if subprocess.run(step, check=False).returncode != 0:  # noqa: S603
            return _stop(f"`{' '.join(step[1:])}` failed: see above; it needs the package index to be reachable")
    return 0


def report(line: str) -> None:
    """Write a line for the user on standard error."""
    sys.stderr.write(line + "\n")


def _stop(line: str) -> int:
    report(f"set-up: {line}")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
