"""`biot-provider new`: a starter plugin, which verifies BioT's tokens and handles each kind of call.

The starters are in `biot_provider/starters`, each a complete plugin. `new` copies one and replaces its name, display
name and runtime.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import click

from biot_provider.cli.commands import FOLDER, Command
from biot_provider.cli.console import print_result
from biot_provider.cli.errors import CommandError, WrongUsageError
from biot_provider.cli.files import NewFile, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STARTERS = Path(__file__).parent.parent / "starters"
DEFAULT_FOLDER = Path("plugins")
_NEWEST_PYTHON = 14
"""The minor version of AWS Lambda's newest Python."""

# What running a starter in its own folder, or installing this package, may add there.
_IGNORED = frozenset({"__pycache__", "node_modules", "dist", "site-packages", ".venv", ".pytest_cache", ".mypy_cache"})


@dataclass(frozen=True)
class Starter:
    """The starter of one language: its folder, and the runtime written in it."""

    folder: str
    language: str
    runtime: str
    pattern: re.Pattern[str]
    shared: Mapping[str, str] = field(default_factory=dict)
    """Files of other starters that belong to it too, by their place in it."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Texts in them that read otherwise in it."""


PYTHON = Starter("python", "Python", "python3.13", re.compile(r"python3\.\d+"))
NODEJS = Starter("nodejs", "Node.js", "nodejs24.x", re.compile(r"nodejs\d+\.x"))
TYPESCRIPT = Starter(
    "typescript",
    "TypeScript",
    NODEJS.runtime,
    NODEJS.pattern,
    shared={
        **{f"src/{name}": f"nodejs/{name}" for name in ("biot.js", "biot_api.js", "biot_token.js")},
        "tests/index.test.js": "nodejs/tests/index.test.js",
    },
    replaced={"../index.js": "../src/index.ts"},
)

DEFAULT = f"of the Python that runs this, or {PYTHON.runtime} where AWS ends that within a year"


@click.command(
    "new",
    cls=Command,
    help="Write a starter plugin that verifies BioT's tokens.",
    exit_codes={0: "the plugin is written", 1: "nothing is written", 2: "wrong usage, name or runtime"},
)
@click.argument("name", metavar="NAME", help="the plugin's name: letters, digits, - and _")
@click.option(
    "--runtime",
    metavar="RUNTIME",
    help=f"of Python or Node.js, such as {PYTHON.runtime} or {NODEJS.runtime} (default: {DEFAULT})",
)
@click.option("--typescript", is_flag=True, help="for Node.js, bundled by esbuild when it is deployed")
@click.option("--out", type=FOLDER, default=DEFAULT_FOLDER, show_default=True, metavar="FOLDER", help="where to put it")
def command(name: str, runtime: str | None, typescript: bool, out: Path) -> int:
    """Write the plugin."""
    runtime = runtime or (TYPESCRIPT.runtime if typescript else default_runtime())
    problem = _name_problem(name) or runtime_problem(runtime, typescript=typescript)
    if problem is not None:
        raise WrongUsageError(problem, "BIOT-8070")
    starter = TYPESCRIPT if typescript else starter_of(runtime)
    folder = out / name
    if os.path.lexists(folder):
        raise CommandError(f"{folder} is there already: choose another name, or take it away", "BIOT-8050")
    files = starter_files(starter, folder, name, runtime)
    write_files(NewFile(folder / place, text) for place, text in files.items())
    print_result(f"{folder}: a {starter.language} plugin of {len(files)} files that verifies BioT's tokens")
    for line in _next_steps(folder, declared=out == DEFAULT_FOLDER and _declares_plugins(Path.cwd() / "__main__.py")):
        print_result(line)
    return 0


def default_runtime() -> str:
    """Return that of this Python, so that `invoke` runs the plugin with it, unless a preview would warn of it."""
    from biot_provider.plugin.aws_lambda import runtime_warning

    own = f"python3.{min(sys.version_info.minor, _NEWEST_PYTHON)}"
    return PYTHON.runtime if runtime_warning(own, datetime.now(UTC).date()) else own


def starter_of(runtime: str) -> Starter:
    """Return the starter for a runtime that `runtime_problem` finds nothing wrong with."""
    return _starters(runtime)[0]


def _starters(runtime: str) -> list[Starter]:
    return [starter for starter in (PYTHON, NODEJS) if starter.pattern.fullmatch(runtime)]


def _name_problem(name: str) -> str | None:
    # Imported here: the rules load pydantic, which the other commands need not wait for.
    from biot_provider.plugin.rules import plugin_problems

    problems = plugin_problems({"name": name}, lambda _: False)
    return next((f"the name {problem.text}" for problem in problems if problem.path == "name"), None)


def runtime_problem(runtime: str, *, typescript: bool = False) -> str | None:
    """Return why there is no starter for the runtime, in one line, or None."""
    from biot_provider.lifecycle.problems import shown
    from biot_provider.plugin.aws_lambda import is_deprecated

    starters = _starters(runtime)
    if not starters:
        there_are = f"there are starters for Python, such as {PYTHON.runtime}, and Node.js, such as {NODEJS.runtime}"
        return f"no starter is written for the runtime {shown(runtime)}: {there_are}"
    if typescript and starters != [NODEJS]:
        return f"--typescript is for the runtimes of Node.js, such as {NODEJS.runtime}, not {shown(runtime)}"
    if is_deprecated(runtime, datetime.now(UTC).date()):
        return f"the runtime {runtime} is deprecated by AWS Lambda: take a newer one, such as {starters[0].runtime}"
    return None


def starter_files(starter: Starter, folder: PurePath, name: str, runtime: str) -> dict[str, str]:
    """Return the text of each file of a plugin, by its place in the folder that it is for."""
    replacements = {
        "plugins/my-plugin": folder.as_posix(),
        "my-plugin": name,
        "My Plugin": _display_name(name),
        starter.runtime: runtime,
        **starter.replaced,
    }
    own = STARTERS / starter.folder
    files = {file.relative_to(own).as_posix(): file for file in _files(own)}
    files |= {place: STARTERS / source for place, source in starter.shared.items()}
    return {place: replaced(source.read_text(encoding="utf-8"), replacements) for place, source in files.items()}


def replaced(text: str, replacements: Mapping[str, str]) -> str:
    """Return the text with each key replaced by its value, of the keys that fit at one place the first."""
    pattern = re.compile("|".join(map(re.escape, replacements)))
    return pattern.sub(lambda found: replacements[found[0]], text)


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name in _IGNORED:
            continue
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _display_name(name: str) -> str:
    words = [word[0].upper() + word[1:] for word in re.split("[-_]+", name) if word]
    return " ".join(words) or name


def _declares_plugins(program: Path) -> bool:
    """Return whether the program declares every plugin.yaml; True where nobody can say."""
    try:
        return "declare_plugins" in program.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return True


def _next_steps(folder: Path, *, declared: bool) -> Iterator[str]:
    yield "next:"
    yield f"  biot-provider invoke {shlex.quote(str(folder))} --event pre"
    hint = "" if declared else f"  # the program must declare it: biot.declare_plugins({str(folder.parent)!r})"
    yield f"  pulumi up{hint}"
