"""`biot-provider new`: a starter plugin, which verifies BioT's tokens and answers each kind of call.

The starters lie in `biot_provider/starters`, each a plugin as it stands. `new` copies one and puts the name, the
display name and the runtime in the place of the starter's own.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .console import print_problem, print_result

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTERS = Path(__file__).parent.parent / "starters"
DEFAULT_FOLDER = Path("plugins")
# The Python that runs this, as far as AWS Lambda has it: the plugin can then be tried here as it is.
DEFAULT_RUNTIME = f"python3.{min(sys.version_info.minor, 14)}"

# What a starter's folder may hold beside the starter, once somebody has run it where it lies, or pip has compiled it.
_NO_PART = frozenset({"__pycache__", "node_modules", "site-packages", ".venv", ".pytest_cache"})


@dataclass(frozen=True)
class Starter:
    """One language's starter: its folder, the runtime written in it, and how its dependencies are installed."""

    folder: str
    language: str
    runtime: str
    pattern: re.Pattern[str]
    installer: str
    dependencies: str

    def install_command(self, runtime: str) -> list[str]:
        """What installs the dependencies, in the plugin's folder."""
        if self.installer == "npm":
            return ["npm", "ci", "--omit=dev"]
        # AWS Lambda's machine, not this one.
        target = ["--target", self.dependencies, "--upgrade", "--no-compile"]
        machine = ["--platform", "manylinux2014_x86_64", "--only-binary", ":all:"]
        version = ["--python-version", _version(runtime)]
        return ["pip", "install", *target, *machine, *version, "-r", "requirements.txt"]


PYTHON = Starter("python", "Python", "python3.13", re.compile(r"python3\.\d+"), "pip", "site-packages")
NODEJS = Starter("nodejs", "Node.js", "nodejs22.x", re.compile(r"nodejs\d+\.x"), "npm", "node_modules")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("new", help="write a starter plugin that verifies BioT's tokens")
    parser.add_argument("name", metavar="NAME", help="the plugin's name: letters, digits, - and _")
    parser.add_argument(
        "--runtime",
        default=DEFAULT_RUNTIME,
        metavar="RUNTIME",
        help=f"of Python or Node.js, such as {PYTHON.runtime} or {NODEJS.runtime} (default %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_FOLDER, metavar="FOLDER", help="where to put it (default %(default)s)"
    )
    parser.add_argument("--no-install", action="store_true", help="do not install its dependencies")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the plugin: exit code 0, 1 when that failed, 2 when the name or the runtime is wrong, 130 after Ctrl-C."""
    problem = _name_problem(arguments.name) or _runtime_problem(arguments.runtime)
    if problem is not None:
        print_problem(problem)
        return 2
    starter = _starters(arguments.runtime)[0]
    folder: Path = arguments.out / arguments.name
    if os.path.lexists(folder):
        print_problem(f"{folder} is there already: choose another name, or take it away")
        return 1
    try:
        files = _write(starter, folder, arguments.name, arguments.runtime)
    except OSError as error:
        print_problem(f"cannot write {error.filename or folder}: {error.strerror or error}")
        return 1
    print_result(f"{folder}: a {starter.language} plugin of {files} files that verifies BioT's tokens")
    command = starter.install_command(arguments.runtime)
    program = None if arguments.no_install else _program(starter.installer)
    if program is not None:
        print_result(f"installing its dependencies with {starter.installer}, for {arguments.runtime} on AWS Lambda ...")
        try:
            problem = _install([*program, *command[1:]], folder)
        except KeyboardInterrupt:
            print_problem(f"stopped: {folder} is written, its dependencies are not installed")
            return 130
    if problem is not None:
        print_problem(f"{starter.installer} cannot install its dependencies: {problem}")
    by_hand = program is None or problem is not None
    for line in _next_steps(folder, command if by_hand else None, declared=arguments.out == DEFAULT_FOLDER):
        print_result(line)
    return 0 if problem is None else 1


def _starters(runtime: str) -> list[Starter]:
    return [starter for starter in (PYTHON, NODEJS) if starter.pattern.fullmatch(runtime)]


def _name_problem(name: str) -> str | None:
    # The rules bring pydantic, which the other commands need not wait for.
    from biot_provider.plugin.rules import plugin_problems

    problems = plugin_problems({"name": name}, lambda _: False)
    return next((f"the name {problem.text}" for problem in problems if problem.path == "name"), None)


def _runtime_problem(runtime: str) -> str | None:
    from biot_provider.lifecycle.validation import shown
    from biot_provider.plugin.aws_lambda import is_deprecated

    starters = _starters(runtime)
    if not starters:
        there_are = f"there are starters for Python, such as {PYTHON.runtime}, and Node.js, such as {NODEJS.runtime}"
        return f"no starter is written for the runtime {shown(runtime)}: {there_are}"
    if is_deprecated(runtime, datetime.now(UTC).date()):
        return f"the runtime {runtime} is deprecated by AWS Lambda: take a newer one, such as {starters[0].runtime}"
    return None


def _write(starter: Starter, folder: Path, name: str, runtime: str) -> int:
    """Copy the starter; gives the number of files. Raises OSError, with nothing left behind."""
    own = {
        "plugins/my-plugin": folder.as_posix(),
        "my-plugin": name,
        "My Plugin": _display_name(name),
        starter.runtime: runtime,
        # As pip wants it.
        f"--python-version {_version(starter.runtime)}": f"--python-version {_version(runtime)}",
    }
    starters_own = re.compile("|".join(map(re.escape, own)))
    files = list(_files(STARTERS / starter.folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir()
    try:
        for source in files:
            target = folder / source.relative_to(STARTERS / starter.folder)
            target.parent.mkdir(exist_ok=True)
            text = source.read_text(encoding="utf-8")
            target.write_text(starters_own.sub(lambda found: own[found[0]], text), encoding="utf-8", newline="\n")
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return len(files)


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name in _NO_PART:
            continue
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _display_name(name: str) -> str:
    words = [word[0].upper() + word[1:] for word in re.split("[-_]+", name) if word]
    return " ".join(words) or name


def _version(runtime: str) -> str:
    return runtime.removeprefix("python")


def _program(installer: str) -> list[str] | None:
    if installer == "pip" and importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    found = shutil.which(installer)
    return None if found is None else [found]


def _install(command: list[str], folder: Path) -> str | None:
    """Run pip or npm in the folder; None, or what went wrong in its own words."""
    # The command line is made here alone; of the user's words only the checked runtime is in it.
    done = subprocess.run(  # noqa: S603
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return None
    told = (re.match(r"(?:ERROR:|npm error|npm ERR!)\s*(.+)", line) for line in done.stdout.splitlines())
    return next((match[1] for match in told if match), f"exit code {done.returncode}")


def _next_steps(folder: Path, install: list[str] | None, *, declared: bool) -> Iterator[str]:
    place = shlex.quote(str(folder))
    yield "next:"
    if install is not None:
        yield f"  (cd {place} && {shlex.join(install)})"
    yield f"  biot-provider invoke {place} --event pre"
    yield "  pulumi up" + (
        "" if declared else f"  # the program must declare it: biot.declare_plugins({str(folder.parent)!r})"
    )
