"""Run the tests that need no engine on every other supported Python: `python tools/test_pythons.py`.

Each Python is looked for on PATH, in pyenv, in a CI runner's tools, and in uv, which downloads a missing one. A version
that cannot be found is named in one line. Each gets a separate environment from the lock file, under `.venv/pythons/`,
which a later run uses again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MINORS = (11, 12, 13, 14)
"""The supported versions are 3.11 to 3.14."""
PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / ".venv/pythons"
UV = [sys.executable, "-m", "uv", "--quiet"]
TESTS = ("api", "package", "plugin", "program", "provider", "recipe", "subscription", "test_config.py")
DOWNLOAD_SECONDS = 120.0


def main() -> int:
    """Run the tests on each Python; return 1 if any fails."""
    failed = False
    for minor in other_minors():
        environment = made(minor)
        if environment is None:
            report(f"Python 3.{minor} was not to be had here: neither found nor downloaded by uv; not tested")
            continue
        report(f"the unit and provider tests on Python 3.{minor}:")
        pytest = [
            str(environment / "bin/python"),
            "-m",
            "pytest",
            "-q",
            "-n",
            "auto",
            "-m",
            "not long and not needs_builders",
        ]
        tests = [f"tests/{name}" for name in TESTS]
        failed |= subprocess.run([*pytest, *tests], cwd=PROJECT, check=False).returncode != 0  # noqa: S603
    return int(failed)


def other_minors() -> list[int]:
    """Return the minor versions of the supported Pythons other than this one."""
    return [minor for minor in MINORS if minor != sys.version_info.minor]


def made(minor: int) -> Path | None:
    """Return the environment of a Python with the project and its tests' packages; None if the Python is not found.

    Raises: subprocess.CalledProcessError: the packages cannot be installed.
    """
    folder = FOLDER / f"3.{minor}"
    lock = PROJECT / "requirements.lock"
    installed = folder / "requirements.lock"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        python = _found(minor)
        if python is None:
            return None
        install = [*UV, "pip", "install", "--python", str(folder)]
        for step in (
            [*UV, "venv", "--clear", "--seed", "--python", python, str(folder)],
            [*install, "--require-hashes", "--requirements", str(lock)],
            [*install, "--no-build-isolation", "--no-deps", "--editable", str(PROJECT)],
        ):
            subprocess.run(step, check=True)  # noqa: S603
        shutil.copy(lock, installed)
    return folder


def _found(minor: int) -> str | None:
    """Return the path of a Python that runs, or None."""
    for python in _places(minor):
        test = [python, "-c", f"import sys; sys.exit(sys.version_info[:2] != (3, {minor}))"]
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:  # noqa: S603
            return python
    return None


def _places(minor: int) -> Iterator[str]:
    version = f"3.{minor}"
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    runner = Path(os.environ.get("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache"), "Python")
    for folder, pattern in ((pyenv, f"{version}.*/bin/python"), (runner, f"{version}.*/*/bin/python")):
        yield from map(str, sorted(folder.glob(pattern)))
    managed = [*UV, "python", "find", "--managed-python", "--no-project", version]
    for step in (managed, [*UV, "python", "install", version], managed):
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            return
        if done.returncode == 0 and done.stdout.strip():
            yield done.stdout.strip()


def report(line: str) -> None:
    """Write a line for the user on standard error."""
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
