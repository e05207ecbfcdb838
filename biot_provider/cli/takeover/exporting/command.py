"""`biot-provider export`: the plugins of a platform as code, and the file by which a stack takes them over.

It reads the platform and changes nothing there. What is in the folder already stays, unless `--force` says otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from ...console import print_problem

_EPILOG = """\
PATTERN is a plugin's name, or one with * and ? in it; without one, every plugin is exported. The values of variables go
into the stack's configuration, encrypted, or with --variables-file into a file that only you can read.
Exit code: 0 the folder describes what the platform has, 1 no file is written (values that were encrypted by then stay
in the stack's configuration), 2 wrong usage, 3 something in the folder still differs from the platform, or lacks the
code that this very stack has deployed, which is shown.
"""
DIFFERS = 3


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "export",
        help="write the platform's plugins as code",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="which plugins (see below)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="where to: FOLDER/<name>/plugin.yaml, and import.json"
    )
    parser.add_argument("--stack", metavar="NAME", help="the stack (default: PULUMI_STACK, else the selected one)")
    parser.add_argument(
        "--own-account",
        type=Path,
        metavar="FILE",
        help="write the service users and subscriptions of code of your own as a Python program",
    )
    parser.add_argument(
        "--variables-file", type=Path, metavar="FILE", help="put the values of variables there, as JSON in plain text"
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite what differs: files, and values in the configuration"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export; the exit code is as in the command's help, or 130 after Ctrl-C."""
    from biot_provider.errors import BiotError

    from ...doctor.findings import Problem
    from .export import export

    try:
        with contextlib.ExitStack() as closing:
            report = export(arguments, closing)
        report.print(as_json=arguments.json)
        return DIFFERS if report.differs else 0
    except (BiotError, Problem) as error:
        for line in str(error).splitlines():
            print_problem(line)
        return 1
    except KeyboardInterrupt:
        print_problem("stopped: no file is written; values that were encrypted stay in the stack's configuration")
        return 130
