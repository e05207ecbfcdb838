"""`biot-provider import`: write the file by which a stack takes over resources that exist on the platform.

It reads the platform and changes nothing there. The file appears whole or not at all; its owner alone can read it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...console import print_problem

if TYPE_CHECKING:
    from ..target import Target

_EPILOG = """\
NAME is the resource's name in the program. ID is a plugin's name, or KIND:ID with one of
  Plugin:<name>
  ServiceUser:<uuid>
  InterceptionSubscription:"<type> <api_id or entity_name> <endpoint> [<placeholder>=<value> ...]"
  NotificationSubscription:"<entity_type_name> <action_name> <endpoint> [<template_name>]"
Keys of service users cannot be imported, and images need not be.
Exit code: 0 the file is written, 1 no file is written (values that --config has encrypted by
then stay in the stack's configuration), 2 wrong usage.
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "import",
        help="write the import file for resources that exist",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("resources", nargs="+", metavar="NAME=ID", help="what to import (see below)")
    parser.add_argument("--stack", metavar="NAME", help="the stack (default: PULUMI_STACK, else the selected one)")
    parser.add_argument(
        "--out", type=Path, default=Path("import.json"), metavar="FILE", help="where to write (default %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="write in place of a file that is there")
    parser.add_argument(
        "--code",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="the code that a plugin is declared with, relative to the project (default: that of plugins/NAME)",
    )
    parser.add_argument(
        "--image-tag", action="append", default=[], metavar="NAME=TAG", help="the image that a plugin runs"
    )
    parser.add_argument("--parent", metavar="URN", help="the component, in the stack already, that declares them")
    parser.add_argument(
        "--config", action="store_true", help="put secret values, encrypted, into the stack's configuration"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file; the exit code is 0, 1 when no file was written, 2 for wrong usage, 130 after Ctrl-C."""
    from biot_provider.errors import BiotError

    from ...doctor.findings import Problem
    from ..target import WrongUsageError

    try:
        return _run(arguments)
    except (BiotError, Problem) as error:
        for line in str(error).splitlines():
            print_problem(line)
        return 2 if isinstance(error, WrongUsageError) else 1
    except KeyboardInterrupt:
        kept = "; values that were encrypted stay in the stack's configuration" if arguments.config else ""
        print_problem(f"stopped: no file is written{kept}")
        return 130


def _run(arguments: argparse.Namespace) -> int:
    from ...files import PRIVATE, NewFile, write_files
    from ..engine import commands, keep_secrets, require_engine
    from ..import_file import afterwards, import_file
    from ..notes import Notes
    from ..program_text import program_text, secret_values
    from ..target import Parent, StoppedError, opened
    from .report import Report
    from .requests import read, requests_of

    requests = requests_of(arguments.resources, arguments.code, arguments.image_tag)
    parent = Parent.parse(arguments.parent) if arguments.parent else None
    out = arguments.out.absolute()
    if os.path.lexists(out) and not arguments.force:
        raise StoppedError(
            f"{arguments.out} is there already: name another file with --out, or give --force", "BIOT-8050"
        )
    require_engine()
    notes = Notes()
    with opened(arguments.stack) as target:
        resources = read(requests, target, parent, notes.add)
        if arguments.config:
            values = {key: value for resource in resources for key, value in secret_values(resource)}
            keep_secrets(target, _due(values, target, force=arguments.force), lambda *_: None)
    write_files([NewFile(out, import_file(resources, parent), PRIVATE)])
    report = Report(
        file=str(arguments.out),
        resources=[{"type": r.kind.type, "name": r.name, "id": r.id} for r in resources],
        warnings=notes.lines(),
        program=program_text(resources, parent),
        secrets={} if arguments.config else dict(item for r in resources for item in secret_values(r)),
        commands=commands(target, arguments.out),
        afterwards=afterwards(str(arguments.out), resources),
    )
    report.print(as_json=arguments.json)
    return 0


def _due(values: Mapping[str, str], target: Target, *, force: bool) -> dict[str, str]:
    """The values that the configuration does not have. Raises StoppedError where it has others, unless forced."""
    from ..engine import configuration
    from ..target import StoppedError

    there = configuration(target)
    kept = {key: there.get(f"{target.project.name}:{key}", {}).get("value") for key in values}
    others = [key for key, value in values.items() if kept[key] not in (None, value)]
    if others and not force:
        raise StoppedError(
            f"the stack's configuration has other values of {', '.join(others)}",
            "BIOT-8052",
            advice="take another name for the resource, or give --force to overwrite them",
        )
    return {key: value for key, value in values.items() if kept[key] != value}
