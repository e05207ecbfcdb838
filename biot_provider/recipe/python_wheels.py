"""Installs a lock file's wheels for AWS Lambda, on any Python and machine; no code of a distribution is run.

It uses uv if that is found, else pip: both install the same wheels, and after the removal of each tool's own notes, the
same bytes.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

from biot_provider.errors import PackagingError
from biot_provider.recipe.lock_files import UV, LockFile, denied
from biot_provider.recipe.requirements import normalized, read_requirements
from biot_provider.recipe.run import FailedRunError, Runner

GET_UV = "`pip install 'biot-provider[build]'` (or https://docs.astral.sh/uv)"
"""The command that installs uv."""

_NEWEST_OF_AMAZON_LINUX_2 = (3, 11)
_MANYLINUX = {True: "manylinux2014", False: "manylinux_2_34"}
"""The newest wheels that run: Python up to 3.11 runs on Amazon Linux 2 (glibc 2.26), later on 2023 (glibc 2.34)."""

_NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
"""Files in a distribution's folder in which a tool notes facts about itself and this installation."""

_NO_WHEEL = (
    re.compile(r"Because (?P<name>\S+?)(?:==(?P<version>\S+))? has no (?:usable )?wheels"),
    re.compile(r"Because (?P<name>\S+?)==(?P<version>\S+) has no wheels with a matching"),
    re.compile(r"Distribution `(?P<name>[^`=]+)==(?P<version>[^` ]+).*? doesn't have a source distribution or wheel"),
)
_NO_VERSION = (
    re.compile(r"Because there is no version of (?P<name>[^\s=]+)==(?P<version>[^\s,]+)"),
    re.compile(r"Because (?P<name>\S+) was not found in the package registry"),
)
_PIP_DENIED = r"/{}/: (40[13]) Client Error"
"""What pip says of a refused list of a distribution's files in its log alone; it goes on with the next index."""
_PIP_FOUND_NONE = re.compile(r"No matching distribution found for (?P<name>[^\s=]+)==(?P<version>[^\s;]+)")
_MISMATCH = re.compile(r"Hash mismatch for `(?P<uv>[^`]+)`|THESE PACKAGES DO NOT MATCH.*?\n\s+(?P<pip>\S+)", re.DOTALL)
_UNHASHED = re.compile(
    r"must have a hash, but none were provided for: (?P<uv>\S+)|missing from some requirements.*?\n\s+(?P<pip>\S+)"
    r"|must have their versions pinned with `==`, but found: (?P<pinned>\S+)"
    r"|must have their versions pinned with ==.*?\n\s+(?P<unpinned>\S+)",
    re.DOTALL,
)
_DENIED = re.compile(
    r"authentication credentials \((\d+) |returned a (403) Forbidden|client error \((40[13]) "
    r"|HTTP error (40[13]) while getting"
)
_OFFLINE = re.compile(
    r"error sending request|dns error|Failed to establish a new connection|Network is unreachable|ProxyError"
    r"|Could not connect|ConnectTimeoutError|NewConnectionError|network was disabled|Network connectivity is disabled"
)


def install_wheels(lock: LockFile, runtime: str, target: Path, runner: Runner) -> list[str]:
    """Install into an empty folder; return distributions that the lock file does not name. Raises PackagingError."""
    version = runtime.removeprefix("python")
    scratch = runner.folder / "lock"
    scratch.mkdir()
    log = scratch / "pip.log"
    for name, content in lock.files.items():
        (scratch / Path(name).name).write_bytes(content)
    requirements = scratch / Path(lock.name).name
    uv = _uv()
    if lock.kind == UV:
        requirements = _exported(lock, uv, scratch, runner)
    try:
        text = requirements.read_text("utf-8")
    except UnicodeDecodeError:
        raise PackagingError(f"{lock.place}: {lock.name} is not UTF-8: write it again", "BIOT-3107") from None
    named = read_requirements(lock.place, lock.name, text)
    if not named.versions:
        return []
    if uv is not None:
        command = [uv, "pip", "install", "--target", str(target), "--python", sys.executable, "--link-mode", "copy",
                   "--python-version", version, "--python-platform", f"x86_64-{_manylinux(version)}",
                   "--only-binary", ":all:", "--quiet"]  # fmt: skip
    elif importlib.util.find_spec("pip") is not None:
        platforms = [word for name in _tags(version) for word in ("--platform", f"{name}_x86_64")]
        command = [sys.executable, "-m", "pip", "install", "--target", str(target), "--python-version", version,
                   *platforms, "--only-binary", ":all:", "--no-compile", "--no-input", "--quiet",
                   "--disable-pip-version-check", "--no-warn-script-location", "--log", str(log)]  # fmt: skip
    else:
        raise PackagingError(
            f"{lock.place}: {lock.name} needs uv or pip, and neither is here", "BIOT-3130", advice=GET_UV
        )
    hashes = ["--require-hashes"] if named.has_hashes else []
    try:
        runner.run([*command, *hashes, "-r", str(requirements)], scratch, f"the installation of {lock.name}")
    except FailedRunError as error:
        raise _told(lock, runtime, error, log.read_text("utf-8", "replace") if log.exists() else "") from None
    installed = _made_equal(target)
    return sorted(name for name in installed if name not in named.versions)


def python_installer() -> str | None:
    """Return the name of the tool that installs wheels on this machine; None if there is none."""
    if _uv() is not None:
        return "uv"
    return "pip" if importlib.util.find_spec("pip") is not None else None


def _uv() -> str | None:
    """Return the path of uv: the one on the PATH, or that of the package `uv`."""
    if found := shutil.which("uv"):
        return found
    if importlib.util.find_spec("uv") is None:
        return None
    import uv

    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError:
        return None


def _exported(lock: LockFile, uv: str | None, scratch: Path, runner: Runner) -> Path:
    """Export the project's own dependencies in uv.lock as a requirements.txt with hashes."""
    if uv is None:
        raise PackagingError(f"{lock.place}: uv.lock needs uv, which is not here", "BIOT-3130", advice=GET_UV)
    if "pyproject.toml" not in lock.files:
        raise PackagingError(f"{lock.place}: uv.lock has no pyproject.toml beside it", "BIOT-3103")
    if not _fits(lock):
        raise PackagingError(f"{lock.place}: uv.lock does not fit pyproject.toml: run `uv lock`", "BIOT-3132")
    requirements = scratch / "exported.txt"
    command = [uv, "export", "--frozen", "--no-dev", "--no-emit-project", "--no-annotate", "--no-header", "--quiet",
               "--format", "requirements-txt", "--python", sys.executable, "-o", str(requirements)]  # fmt: skip
    try:
        runner.run(command, scratch, "uv export")
    except FailedRunError as error:
        raise PackagingError(
            f"{lock.place}: uv.lock cannot be read by uv; its last lines:\n{error.last_lines}", "BIOT-3107"
        ) from None
    return requirements


def _fits(lock: LockFile) -> bool:
    """Return whether pyproject.toml still has the requirements for which uv.lock was written."""
    try:
        required = (tomllib.loads(lock.files["pyproject.toml"].decode()).get("project") or {}).get("dependencies") or []
        packages = tomllib.loads(lock.text)["package"]
        # Other local projects are in it too, by their own paths.
        root = next(p for p in packages if (p.get("source") or {}) in ({"virtual": "."}, {"editable": "."}))
        known = (root.get("metadata") or {}).get("requires-dist") or []
        locked = {(normalized(entry["name"]), _specifier(entry.get("specifier", ""))) for entry in known
                  if "extra ==" not in entry.get("marker", "")}  # fmt: skip
        return {_name_and_versions(text) for text in required} == locked
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return True  # uv's message says what it does not understand


def _name_and_versions(requirement: str) -> tuple[str, str]:
    name = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)@]*)", requirement)
    return (normalized(name[1]), _specifier(name[2])) if name else (requirement, "")


def _specifier(text: str) -> str:
    return ",".join(sorted(re.sub(r"\s", "", text).split(",")))


def _manylinux(version: str) -> str:
    return _MANYLINUX[tuple(map(int, version.split("."))) <= _NEWEST_OF_AMAZON_LINUX_2]


def _tags(version: str) -> list[str]:
    """Return the platform tags of wheels that run, the newest first, for pip's options."""
    newest = 34 if _manylinux(version).endswith("34") else 17
    older = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    tags = []
    for minor in range(newest, 4, -1):
        tags += [f"manylinux_2_{minor}", *([older[minor]] if minor in older else [])]
    return [*tags, "linux"]


def _made_equal(target: Path) -> set[str]:
    """Remove differences between tools, machines and times; return the normalized names of installed distributions."""
    names = set()
    scripts = target / "bin"
    if not (scripts / "__init__.py").exists():
        shutil.rmtree(scripts, ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)
    for info in target.glob("*.dist-info"):
        for note in _NOTES:
            (info / note).unlink(missing_ok=True)
        names.add(normalized(info.name.removesuffix(".dist-info").rpartition("-")[0]))
        record = info / "RECORD"
        if record.is_file():
            rows = list(csv.reader(io.StringIO(record.read_text("utf-8"), newline="")))
            kept = sorted(row for row in rows if row and _is_there(target, row[0]))
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows(kept)
            record.unlink()
            record.write_bytes(text.getvalue().encode())
    return names


def _is_there(target: Path, path: str) -> bool:
    place = os.path.normpath(target / path)
    return place.startswith(f"{target}{os.sep}") and Path(place).is_file() and not path.endswith(".pyc")


def _told(lock: LockFile, runtime: str, error: FailedRunError, log: str) -> PackagingError:
    """Return the one-line error of a failed installation; for an unknown reason, with the tool's last lines.

    ``log`` is that of pip.
    """
    text = re.sub(r"\n\s{4,}(?=\S)", " ", error.output)  # join lines that uv has wrapped
    place = f"{lock.place}: {lock.name}"
    for pattern in _NO_WHEEL:
        if found := pattern.search(text):
            return _no_wheel(place, found["name"], found["version"], runtime)
    if status := _denial(text, log):
        return denied(place, "index", status)
    for pattern in _NO_VERSION:
        if found := pattern.search(text):
            return _in_no_index(place, found["name"], found.groupdict().get("version"))
    if found := _MISMATCH.search(error.output):
        return PackagingError(
            f"{place}: {found['uv'] or found['pip']} is not what was locked: the index has a file with another hash",
            "BIOT-3133",
            advice="find out why, before you lock it anew",
        )
    if found := _UNHASHED.search(text) or _UNHASHED.search(error.output):
        name = next(filter(None, found.groups()))
        return PackagingError(
            f"{place}: {name} has no hash, and the others have: compile the file anew with hashes", "BIOT-3138"
        )
    if _OFFLINE.search(error.output):
        return _unreachable(place)
    if found := _PIP_FOUND_NONE.search(text):
        return _not_found_by_pip(place, found["name"], found["version"], runtime, log)
    return PackagingError(f"{place} cannot be installed; the last lines:\n{error.last_lines}", "BIOT-3131")


def _denial(text: str, log: str) -> str | None:
    """Return the status with which an index refuses the package that is not installed."""
    found = _DENIED.search(text)
    if found is None and (missing := _PIP_FOUND_NONE.search(text)):
        found = re.search(_PIP_DENIED.format(re.escape(normalized(missing["name"]))), log)
    return next(filter(None, found.groups())) if found else None


def _not_found_by_pip(place: str, name: str, version: str, runtime: str, log: str) -> PackagingError:
    """Return the error for a distribution of which pip has found no wheel, by the files that its log names."""
    page = re.escape(normalized(name))
    if re.search(rf"Could not fetch URL \S+/{page}/: (?!4\d\d )", log):
        return _unreachable(place)
    file = page.replace(r"\-", "[-_.]+") + "-" + re.escape(re.sub(r"(\.0)+$", "", version)) + r"(\.0)*[-.]"
    if re.search(rf"/{file}", log, re.IGNORECASE):
        return _no_wheel(place, name, version, runtime)
    return _in_no_index(place, name, version)


def _unreachable(place: str) -> PackagingError:
    return PackagingError(
        f"{place}: the package index cannot be reached, and the cache does not have what it locks",
        "BIOT-3135",
        advice="build once with a network",
    )


def _in_no_index(place: str, name: str, version: str | None) -> PackagingError:
    wanted = f"{name} {version}" if version else name
    return PackagingError(f"{place}: {wanted} is in no index: correct it, or name the index that has it", "BIOT-3134")


def _no_wheel(place: str, name: str, version: str | None, runtime: str) -> PackagingError:
    wanted = f"{name} {version}" if version else name
    return PackagingError(
        f"{place}: {wanted} has no wheel for {runtime} on x86_64, and nothing is compiled here",
        "BIOT-3137",
        advice="choose a version that has one, or deploy the plugin as an image",
    )
