"""`biot-provider import`: write the file by which a stack takes over resources that exist on the platform.

It reads the platform and changes nothing there. The file appears whole or not at all; its owner alone can read it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biot_provider.cli.commands import FILE, Command, complete_stack
from biot_provider.cli.console import print_problem

if TYPE_CHECKING:
    from biot_provider.cli.takeover.target import Target

_DETAILS = """\
NAME is the resource's name in the program. ID is a plugin's name, or KIND:ID with one of

\b
  Plugin:<name>
  ServiceUser:<uuid>
  InterceptionSubscription:"<type> <api_id or entity_name> <endpoint>
    [<placeholder>=<value> ...]"
  NotificationSubscription:"<entity_type_name> <action_name> <endpoint>
    [<template_name>]"

Keys of service users cannot be imported, and images need not be.
"""


@dataclass(frozen=True)
class ImportOptions:
    """What the user gives."""

    resources: tuple[str, ...]
    stack: str | None
    out: Path
    force: bool
    code: tuple[str, ...]
    image_tag: tuple[str, ...]
    parent: str | None
    config: bool
    json: bool


@click.command(
    "import",
    cls=Command,
    help="Write the import file for resources that exist.",
    details=_DETAILS,
    exit_codes={
        0: "the file is written",
        1: "no file is written (values that --config has encrypted by then stay in the stack's configuration)",
        2: "wrong usage",
        130: "after Ctrl-C",
    },
)
@click.argument("resources", nargs=-1, required=True, metavar="NAME=ID...", help="what to import (see below)")
@click.option(
    "--stack",
    metavar="NAME",
    shell_complete=complete_stack,
    help="the stack (default: PULUMI_STACK, else the selected one)",
)
@click.option("--out", type=FILE, default=Path("import.json"), show_default=True, metavar="FILE", help="where to write")
@click.option("--force", is_flag=True, help="write in place of a file that is there")
@click.option(
    "--code",
    multiple=True,
    metavar="NAME=FOLDER",
    help="the code that a plugin is declared with, relative to the project (default: that of plugins/NAME)",
)
@click.option("--image-tag", multiple=True, metavar="NAME=TAG", help="the image that a plugin runs")
@click.option("--parent", metavar="URN", help="the component, in the stack already, that declares them")
@click.option("--config", is_flag=True, help="put secret values, encrypted, into the stack's configuration")
@click.option("--json", is_flag=True, help="print one JSON object")
def command(**given: Any) -> int:
    """Write the file."""
    options = ImportOptions(**given)
    try:
        return _run(options)
    except KeyboardInterrupt:
        kept = "; values that were encrypted stay in the stack's configuration" if options.config else ""
        print_problem(f"stopped: no file is written{kept}")
        return 130


def _run(options: ImportOptions) -> int:
    from biot_provider.cli.errors import CommandError
    from biot_provider.cli.files import PRIVATE, NewFile, write_files
    from biot_provider.cli.progress import Progress
    from biot_provider.cli.takeover.engine_calls import commands, keep_secrets, require_engine
    from biot_provider.cli.takeover.import_file import afterwards, import_file
    from biot_provider.cli.takeover.importing.report import ImportReport
    from biot_provider.cli.takeover.importing.requests import read, requests_of
    from biot_provider.cli.takeover.notes import Notes
    from biot_provider.cli.takeover.program_text import program_text, secret_values
    from biot_provider.cli.takeover.target import Parent, opened

    requests = requests_of(options.resources, options.code, options.image_tag)
    parent = Parent.parse(options.parent) if options.parent else None
    out = options.out.absolute()
    if os.path.lexists(out) and not options.force:
        raise CommandError(
            f"{options.out} is there already: name another file with --out, or give --force", "BIOT-8050"
        )
    require_engine()
    notes = Notes()
    with Progress() as progress, opened(options.stack) as target:
        progress.show("reading the platform")
        resources = read(requests, target, parent, notes.add)
        if options.config:
            values = {key: value for resource in resources for key, value in secret_values(resource)}
            keep_secrets(
                target,
                _due(values, target, force=options.force),
                lambda number, count: progress.show(f"encrypting values: {number} of {count}"),
            )
    write_files([NewFile(out, import_file(resources, parent), PRIVATE)])
    report = ImportReport(
        file=str(options.out),
        resources=[{"type": r.kind.type, "name": r.name, "id": r.id} for r in resources],
        warnings=notes.lines(),
        program=program_text(resources, parent),
        secrets={} if options.config else dict(item for r in resources for item in secret_values(r)),
        commands=commands(target, options.out),
        afterwards=afterwards(str(options.out), resources),
    )
    report.print(as_json=options.json)
    return 0


def _due(values: Mapping[str, str], target: Target, *, force: bool) -> dict[str, str]:
    """Return the values that the configuration lacks.

    Raises CommandError for a key that has another value, unless forced.
    """
    from biot_provider.cli.errors import CommandError
    from biot_provider.cli.takeover.engine_calls import configuration

    there = configuration(target)
    kept = {key: there.get(f"{target.project.name}:{key}", {}).get("value") for key in values}
    others = [key for key, value in values.items() if kept[key] not in (None, value)]
    if others and not force:
        raise CommandError(
            f"the stack's configuration has other values of {', '.join(others)}",
            "BIOT-8052",
            advice="take another name for the resource, or give --force to overwrite them",
        )
    return {key: value for key, value in values.items() if kept[key] != value}
