"""Exchanges a package's Python distributions for those of the local interpreter.

A package contains wheels for AWS Lambda's Python on Linux and x86-64; those with compiled modules load nowhere else. If
another Python or machine runs the plugin, wheels of the same versions are installed for it.
"""

from __future__ import annotations

import csv
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.emulator.functions.runtime.languages import NotInstalled, find_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from biot_provider.emulator.functions.runtime.languages import Interpreter

_INSTALL_SECONDS = 300
"""Seconds for the installation of the distributions."""
_OURS = ("BIOT_", "PULUMI_", "AWS_")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_NOTES = 200
"""Maximum characters of an installer's last line."""


class FittingError(ValueError):
    """The distributions cannot be installed for the local interpreter; the text is one line."""


def fit(folder: Path, runtime: str) -> str | None:
    """Reinstall, in an unpacked package, distributions that do not load here; return a sentence if any were.

    Raises FittingError when it cannot be installed.
    """
    key = fitting_key(runtime)
    if not key:
        return None
    interpreter = find_runtime(runtime)
    infos = sorted(folder.glob("*.dist-info"))
    if all(_runs(info, interpreter) for info in infos):
        return None
    pinned = [text for text in map(_pinned, infos) if _REQUIREMENT.fullmatch(text)]
    target = Path(tempfile.mkdtemp(prefix=".fitting-", dir=folder.parent))
    try:
        _install(interpreter, pinned, target, runtime)
        for path in {path for info in infos for path in _files(folder, info)}:
            path.unlink(missing_ok=True)
        shutil.rmtree(target / "bin", ignore_errors=True)
        shutil.copytree(target, folder, dirs_exist_ok=True)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    return f"its {len(pinned)} distributions are those of Python {interpreter.version} here"


def fitting_key(runtime: str) -> str:
    """Return the interpreter that the distributions must fit; empty if they were installed for it."""
    if not runtime.startswith("python"):
        return ""
    try:
        found = find_runtime(runtime)
    except NotInstalled:
        return ""  # which the call reports
    here = f"{sys.platform}-{platform.machine().lower()}"
    if found.version == runtime.removeprefix("python") and here in ("linux-x86_64", "linux-amd64"):
        return ""
    return f"{here}-{found.version}"


def _runs(info: Path, interpreter: Interpreter) -> bool:
    """Return whether a distribution loads here: without compiled modules, or with those of Python's stable ABI."""
    tags = HeaderParser().parsestr(_text(info / "WHEEL")).get_all("Tag") or ["py3-none-any"]
    minor = int(interpreter.version.partition(".")[2] or 0)
    for python, interface, machine in (str(tag).split("-", 2) for tag in tags if str(tag).count("-") == 2):
        if (interface, machine) == ("none", "any"):
            return True
        is_for_here = sys.platform == "linux" and machine.endswith(f"_{platform.machine()}")
        if interface == "abi3" and is_for_here and python[:3] == "cp3" and int(python[3:] or 0) <= minor:
            return True
    return False


def _pinned(info: Path) -> str:
    found = HeaderParser().parsestr(_text(info / "METADATA"))
    return f"{found.get('Name')}=={found.get('Version')}"


def _files(folder: Path, info: Path) -> Iterator[Path]:
    for row in csv.reader(_text(info / "RECORD").splitlines()):
        path = Path(os.path.normpath(folder / row[0])) if row else folder
        if path.is_file() and path.is_relative_to(folder):
            yield path


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _install(interpreter: Interpreter, pinned: list[str], target: Path, runtime: str) -> None:
    uv = shutil.which("uv") or _uv_of_a_package()
    if uv is not None:
        command = [uv, "pip", "install", "--python", interpreter.path, "--link-mode", "copy"]
    elif importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "--python", interpreter.path, "install", "--no-compile", "--no-input",
                   "--disable-pip-version-check"]  # fmt: skip
    else:
        raise _not_installed(interpreter, runtime, "uv or pip is needed for that: `pip install uv`")
    command += ["--quiet", "--target", str(target), "--only-binary", ":all:", *pinned]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    try:
        run = subprocess.run(  # noqa: S603  (an installer of this machine)
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _not_installed(interpreter, runtime, f"{command[0]}: {type(error).__name__}") from None
    if run.returncode != 0:
        lines = [line.strip() for line in run.stdout.decode(errors="replace").splitlines() if line.strip()]
        raise _not_installed(interpreter, runtime, " ".join(lines)[-_NOTES:])


def _not_installed(interpreter: Interpreter, runtime: str, why: str) -> FittingError:
    wanted = runtime.removeprefix("python")
    return FittingError(
        f"its distributions are for Python {wanted} on Linux and x86-64, and cannot be installed for Python"
        f" {interpreter.version} here ({why}): install Python {wanted}"
    )


def _uv_of_a_package() -> str | None:
    """Find uv as installed by the package of that name."""
    if importlib.util.find_spec("uv") is None:
        return None
    import uv

    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError:
        return None
