"""`biot-provider graph`: who intercepts which API call, in which order, and who is notified of what."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from biot_provider.cli.commands import FILE, FOLDER, Command, complete_stack
from biot_provider.cli.console import print_problem, print_result
from biot_provider.errors import coded

if TYPE_CHECKING:
    from biot_provider.hooks.model import Picture


@click.command(
    "graph",
    cls=Command,
    help="Draw who intercepts and who is notified of what.",
    exit_codes={
        0: "the picture is drawn",
        1: "with --check: it has conflicts",
        2: "it cannot be drawn, or wrong usage",
        130: "after Ctrl-C",
    },
    exclusive=("--format", "--svg", "--text", "--json"),
    failure=2,
)
@click.option(
    "--stack", metavar="NAME", shell_complete=complete_stack, help="the platform of this stack; else the environment's"
)
@click.option(
    "--declared",
    "is_declared",
    is_flag=True,
    help="what is declared instead of what is deployed: every plugin.yaml; with --stack the whole program, as"
    " `pulumi preview` shows it",
)
@click.option(
    "--plugins", type=FOLDER, metavar="FOLDER", help="with --declared: these plugin.yaml files alone (default: plugins)"
)
@click.option(
    "--format", "format_", type=click.Choice(["mermaid", "svg", "text", "json"]), default="mermaid", show_default=True
)
@click.option("--svg", "format_", flag_value="svg", help="the same as --format svg")
@click.option("--text", "format_", flag_value="text", help="the same as --format text")
@click.option("--json", "format_", flag_value="json", help="the same as --format json")
@click.option("--out", type=FILE, metavar="FILE", help="write the picture there instead of printing it")
@click.option("--check", is_flag=True, help="exit with 1 when there are conflicts")
def command(
    stack: str | None,
    is_declared: bool,
    plugins: Path | None,
    format_: str,
    out: Path | None,
    check: bool,
) -> int:
    """Draw the picture."""
    from biot_provider.cli.graph.sources import declared, live
    from biot_provider.cli.progress import Progress
    from biot_provider.cli.project.stack import Stack

    with ExitStack() as closing:
        found = Stack.find(stack)
        progress = closing.enter_context(Progress())
        progress.show("running `pulumi preview`" if is_declared and stack and plugins is None else "reading")
        if is_declared:
            picture, title = declared(found, plugins, whole=check)
        else:
            picture, title = live(found, closing, progress)
    _write(_drawn(picture, title, format_), out)
    if out or format_ not in ("text", "json"):  # these print them as a part of the picture
        for conflict in picture.conflicts:
            print_problem(coded(f"{conflict.fault.value}: {conflict.text}", conflict.fault.message_code))
    return 1 if check and picture.conflicts else 0


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
    """Print the picture, or put it into the file, which appears whole or not at all. Raises CommandError."""
    if file is None:
        for line in text.splitlines():
            print_result(line)
        return
    from biot_provider.cli.errors import CommandError
    from biot_provider.cli.files import NewFile, write_files

    if not file.parent.is_dir():
        raise CommandError(f"{file} cannot be written (No such file or directory)", "BIOT-8003")
    write_files([NewFile(file, text)])
