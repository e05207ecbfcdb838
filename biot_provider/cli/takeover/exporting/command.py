"""`biot-provider export`: the plugins of a platform as code, and the file by which a stack takes them over.

It reads the platform and changes nothing there. What is in the folder already stays, unless `--force` says otherwise.
"""

from __future__ import annotations

import contextlib
from typing import Any

import click

from biot_provider.cli.commands import FILE, FOLDER, Command, complete_stack

_DETAILS = """\
PATTERN is a plugin's name, or one with * and ? in it; without one, every plugin is exported. The values of variables go
into the stack's configuration, encrypted, or with --variables-file into a file that only you can read.
"""
DIFFERS = 3


@click.command(
    "export",
    cls=Command,
    help="Write the platform's plugins as code.",
    details=_DETAILS,
    exit_codes={
        0: "the folder describes what the platform has",
        1: "no file is written (values that were encrypted by then stay in the stack's configuration)",
        2: "wrong usage",
        DIFFERS: "something in the folder still differs from the platform, or lacks the code that this very stack has"
        " deployed, which is shown",
        130: "after Ctrl-C",
    },
    stopped="stopped: no file is written; values that were encrypted stay in the stack's configuration",
)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...", help="which plugins (see below)")
@click.option(
    "--out",
    type=FOLDER,
    required=True,
    metavar="FOLDER",
    help="where to: FOLDER/<name>/plugin.yaml, and import.json",
)
@click.option(
    "--stack",
    metavar="NAME",
    shell_complete=complete_stack,
    help="the stack (default: PULUMI_STACK, else the selected one)",
)
@click.option(
    "--own-account",
    type=FILE,
    metavar="FILE",
    help="write the service users and subscriptions of code of your own as a Python program",
)
@click.option(
    "--variables-file", type=FILE, metavar="FILE", help="put the values of variables there, as JSON in plain text"
)
@click.option("--force", is_flag=True, help="overwrite what differs: files, and values in the configuration")
@click.option("--json", is_flag=True, help="print one JSON object")
def command(**given: Any) -> int:
    """Export."""
    from biot_provider.cli.takeover.exporting.export import ExportOptions, export

    options = ExportOptions(**given)
    with contextlib.ExitStack() as closing:
        report = export(options, closing)
    report.print(as_json=options.json)
    return DIFFERS if report.differs else 0
