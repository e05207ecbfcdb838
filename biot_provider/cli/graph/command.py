"""`biot-provider graph`: who intercepts which API call, in which order, and who is notified of what."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from biot_provider.errors import coded

from ..console import print_problem, print_result

if TYPE_CHECKING:
    from biot_provider.hooks.model import Picture

EXIT_CODES = "exit codes: 0 the picture is drawn, 1 with --check when it has conflicts, 2 it cannot be drawn"


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "graph", help="draw who intercepts which API call and who is notified of what", epilog=EXIT_CODES
    )
    parser.add_argument("--stack", metavar="NAME", help="the platform of this stack; else the environment's")
    parser.add_argument(
        "--declared",
        action="store_true",
        help="what is declared instead of what is deployed: every plugin.yaml; with --stack the whole program, as"
        " `pulumi preview` shows it",
    )
    parser.add_argument(
        "--plugins",
        type=Path,
        metavar="FOLDER",
        help="with --declared: these plugin.yaml files alone (default: plugins)",
    )
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument(
        "--format", choices=("mermaid", "svg", "text", "json"), default="mermaid", help="default: mermaid"
    )
    formats.add_argument("--svg", action="store_const", const="svg", dest="format", help="the same as --format svg")
    formats.add_argument("--text", action="store_const", const="text", dest="format", help="the same as --format text")
    formats.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the picture there instead of printing it")
    parser.add_argument("--check", action="store_true", help="exit with 1 when there are conflicts")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw the picture; the exit code is one of ``EXIT_CODES``, 130 after Ctrl-C."""
    from biot_provider.errors import BiotError

    from ..doctor.findings import Problem
    from ..progress import Progress
    from ..stack import Stack
    from .sources import declared, live

    try:
        with ExitStack() as closing:
            stack = Stack.find(arguments.stack)
            if arguments.declared:
                picture, title = declared(stack, arguments.plugins, whole=arguments.check)
            else:
                picture, title = live(stack, closing, closing.enter_context(Progress()))
        _write(_drawn(picture, title, arguments.format), arguments.out)
    except (Problem, BiotError) as error:
        print_problem(str(error))
        return 2
    except KeyboardInterrupt:
        print_problem("stopped")
        return 130
    if arguments.out or arguments.format not in ("text", "json"):  # these print them as a part of the picture
        for conflict in picture.conflicts:
            print_problem(coded(f"{conflict.fault.value}: {conflict.text}", conflict.fault.message_code))
    return 1 if arguments.check and picture.conflicts else 0


def _drawn(picture: Picture, title: str, format_: str) -> str:
    from biot_provider.hooks.as_json import as_json
    from biot_provider.hooks.mermaid import mermaid
    from biot_provider.hooks.svg import svg
    from biot_provider.hooks.text import lines

    if format_ == "svg":
        return svg(picture, title)
    if format_ == "json":
        return f"{json.dumps(as_json(picture))}\n"
    return "\n".join([*(mermaid(picture) if format_ == "mermaid" else lines(picture)), ""])


def _write(text: str, file: Path | None) -> None:
    """Print the picture, or put it into the file, which appears whole or not at all. Raises Problem."""
    if file is None:
        for line in text.splitlines():
            print_result(line)
        return
    from ..doctor.findings import Problem
    from ..files import NewFile, write_files

    if not file.parent.is_dir():
        raise Problem(f"{file} cannot be written: No such file or directory", "BIOT-8003")
    write_files([NewFile(file, text)])
