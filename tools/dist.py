"""Build the sdist and the wheel and check their contents: `python tools/dist.py dist`.

Each problem is printed as one line, and the exit code is 1. With `--release` the changelog must have a section for the
version too. Only checked files are uploaded; see docs/releasing.md.
"""

from __future__ import annotations

import argparse
import email
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from packaging.metadata import Metadata

PROJECT = Path(__file__).resolve().parent.parent
NAME = "biot_provider"
MINORS = (11, 12, 13, 14)
"""The supported Python 3 minor versions."""
BESIDE = frozenset({".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "PYPI.md", "SECURITY.md", "pyproject.toml"})
"""The files of an sdist beside the package."""
WANTED = frozenset(
    {
        f"{NAME}/py.typed",
        f"{NAME}/native/schema.json",
        f"{NAME}/emulator/console/files/console.html",
        f"{NAME}/emulator/functions/runtime/bootstrap.mjs",
        *(f"{NAME}/starters/{name}" for name in ("python/index.py", "nodejs/index.js", "typescript/src/index.ts")),
        *(f"{NAME}/starters/project/{name}" for name in ("Pulumi.yaml", "__main__.py", "workflow.yml")),
    }
)
"""Files that are not modules, which a mistake in pyproject.toml would leave out first."""
COMMANDS = {"biot-provider": f"{NAME}.cli:main", "pulumi-resource-biot": f"{NAME}.native.__main__:main"}


def main() -> int:
    """Build and check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the two files go; what is there is taken away")
    parser.add_argument("--release", action="store_true", help="the changelog must have this version")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    sdist, wheel = build(PROJECT, folder)
    problems = [*problems_of(sdist, wheel), *problems_of_rebuilding(sdist, wheel)]
    problems += release_problems() if arguments.release else ()
    for problem in problems:
        sys.stderr.write(f"dist: {problem}\n")
    if not problems:
        for file in (sdist, wheel):
            sys.stderr.write(f"dist: {file.name}: {file.stat().st_size / 1000:.0f} kB, as it should be\n")
    return 1 if problems else 0


def build(project: Path, folder: Path) -> tuple[Path, Path]:
    """Build the sdist and the wheel of a folder with a pyproject.toml into another."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)  # noqa: S603
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def problems_of(sdist: Path, wheel: Path) -> Iterator[str]:
    """Yield the problems of the two files."""
    version = source_version()
    package = package_files(PROJECT)
    in_sdist = {name.partition("/")[2] for name in sdist_files(sdist)}
    yield from _differences(sdist.name, in_sdist, package | BESIDE)
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    info = f"{NAME}-{version}.dist-info"
    beside = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    yield from _differences(wheel.name, content.keys(), package | beside)
    if lost := sorted(WANTED - content.keys()):
        yield f"{wheel.name}: {', '.join(lost)} is missing"
    yield from metadata_problems(content.get(f"{info}/METADATA", b""), version)
    entry_points = content.get(f"{info}/entry_points.txt", b"").decode()
    for command, target in COMMANDS.items():
        if f"{command} = {target}\n" not in entry_points:
            yield f"{wheel.name}: has no command {command}"


def problems_of_rebuilding(sdist: Path, wheel: Path) -> Iterator[str]:
    """Yield the problems of a wheel that is built from the sdist alone."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as packed:
            packed.extractall(folder, filter="data")
        _, again = build(Path(folder, sdist.name.removesuffix(".tar.gz")), Path(folder, "dist"))
        if again.read_bytes() != wheel.read_bytes():
            yield f"{sdist.name}: the wheel built from it is not the one built from the tree"


def metadata_problems(text: bytes, version: str) -> Iterator[str]:
    """Yield the problems in the metadata of a wheel of this version."""
    try:
        found = Metadata.from_email(text, validate=True)
    except ExceptionGroup as invalid:
        yield from (f"METADATA: {problem}" for problem in invalid.exceptions)
        return
    if (found.name, str(found.version)) != (NAME.replace("_", "-"), version):
        yield f"METADATA: is of {found.name} {found.version}, not of {version}"
    if found.license_expression != "Apache-2.0" or found.license_files != ["LICENSE"]:
        yield f"METADATA: the licence is {found.license_expression} in {found.license_files}"
    wanted = {f"Programming Language :: Python :: 3.{minor}" for minor in MINORS}
    if {name for name in found.classifiers or () if re.search(r":: 3\.\d+$", name)} != wanted:
        yield f"METADATA: the classifiers do not name the Pythons 3.{MINORS[0]} to 3.{MINORS[-1]}"
    if str(found.requires_python) != f">=3.{MINORS[0]}":
        yield f"METADATA: requires Python {found.requires_python}"
    description = found.description or email.message_from_bytes(text).get_payload()
    links = re.findall(r"\]\(\s*<?([^)\s>]+)|(?:src|href)=[\"']([^\"']+)", str(description))
    if relative := [link for link in map("".join, links) if not link.startswith("https://")]:
        yield f"METADATA: the description has links that lead nowhere in the package index: {', '.join(relative)}"


def release_problems() -> Iterator[str]:
    """Yield the reasons why the changelog does not fit a release of this version."""
    version = source_version()
    _, _, changes = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8").partition("\n## Unreleased\n")
    unreleased, _, released = changes.partition("\n## ")
    if not re.match(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d\n", released):
        yield f"CHANGELOG.md: the first heading after Unreleased is not `## {version} - <date>`"
    if unreleased.strip():
        yield "CHANGELOG.md: there are changes under Unreleased"


def source_version() -> str:
    """Return the version in the package."""
    text = (PROJECT / NAME / "_version.py").read_text(encoding="utf-8")
    return str(re.findall(r'^__version__ = "(.*)"$', text, re.MULTILINE)[0])


def sdist_files(sdist: Path) -> list[str]:
    """Return the paths of the files in an sdist."""
    with tarfile.open(sdist) as packed:
        return [member.name for member in packed if member.isfile()]


def package_files(project: Path) -> set[str]:
    """Return the paths of the package's files in the repository, without what git ignores."""
    if not (project / ".git").exists():
        files = [file for file in (project / NAME).rglob("*") if file.is_file() and file.suffix != ".pyc"]
        return {file.relative_to(project).as_posix() for file in files}
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", NAME]
    listed = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)  # noqa: S603
    return {name for name in listed.stdout.split("\0") if name and (project / name).is_file()}


def _differences(file: str, found: Set[str] | Mapping[str, bytes], wanted: Set[str]) -> Iterator[str]:
    if lost := sorted(wanted - set(found)):
        yield f"{file}: {', '.join(lost)} is missing"
    if more := sorted(set(found) - wanted):
        yield f"{file}: {', '.join(more)} does not belong in it"


if __name__ == "__main__":
    sys.exit(main())
