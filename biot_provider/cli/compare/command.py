"""`biot-provider compare A B`: what differs between two environments, plugin by plugin, field by field."""

from __future__ import annotations

import argparse
import secrets
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from biot_provider.errors import coded

from ..console import print_problem, print_result
from ..progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from biot_provider.cli.compare.differences import Compared

EPILOG = """
A and B are stacks of the project in this folder:
  dev             what the platform shows that the configuration of stack dev leads to
  platform:dev    the same
  state:dev       what the state of stack dev holds, as its last `pulumi up` left it; asks no platform
One name alone compares the stack's state with its platform.

exit codes: 0 equal, 1 different, 2 one of them cannot be read, or no plugin has a name that --plugin gives
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "compare",
        help="show what differs between the plugins of two environments",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A", help="a stack")
    parser.add_argument("b", metavar="B", nargs="?", help="another stack")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="NAME", help="compare these plugins alone (* and ? match)"
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="FIELD",
        help="leave a field out, such as code, memory_size or 'environment_variables.*'",
    )
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_const", const="json", dest="format", help="print one JSON object")
    formats.add_argument(
        "--markdown", action="store_const", const="markdown", dest="format", help="print Markdown, for a pull request"
    )
    parser.set_defaults(run=run, format="text")


def run(arguments: argparse.Namespace) -> int:
    """Compare; the exit code is 0 when nothing differs, 1 when something does, 2 after an error, 130 after Ctrl-C."""
    from biot_provider.cli.compare.differences import Verdict, compare
    from biot_provider.errors import BiotError

    from ..doctor.findings import Problem
    from .report import as_json, as_markdown, as_text
    from .sides import parse, read

    try:
        with ExitStack() as closing:
            a, b = parse(arguments.a, arguments.b)
            progress = closing.enter_context(Progress())
            here, there = (read(side, closing, progress) for side in (a, b))
    except (Problem, BiotError) as error:
        print_problem(str(error))
        return 2
    except KeyboardInterrupt:
        print_problem("stopped")
        return 130
    unmatched = [
        pattern
        for pattern in arguments.plugin
        if not any(fnmatchcase(name, pattern) for name in (*here.plugins, *there.plugins))
    ]
    if unmatched:
        print_problem(
            coded(f"no plugin is named like {', '.join(map(repr, unmatched))} in {a.label} or {b.label}", "BIOT-8002")
        )
        return 2
    # A key of this run alone: whoever reads the output cannot try values against a fingerprint.
    compared = compare(here, there, secrets.token_bytes(32))
    found = list(_wanted(compared, arguments.plugin, arguments.ignore))
    render = {"json": as_json, "markdown": as_markdown, "text": as_text}[arguments.format]
    for line in render(found, a.label, b.label):
        print_result(line)
    return 0 if all(one.verdict is Verdict.EQUAL for one in found) else 1


def _wanted(compared: Iterator[Compared], plugins: Sequence[str], ignored: Sequence[str]) -> Iterator[Compared]:
    """Those that are asked for, without the fields that are left out."""
    from dataclasses import replace

    from biot_provider.cli.compare.differences import Verdict

    for one in compared:
        if plugins and not any(fnmatchcase(one.name, pattern) for pattern in plugins):
            continue
        kept = tuple(d for d in one.differences if not any(_fits(d.field, pattern) for pattern in ignored))
        is_equal = one.verdict is Verdict.DIFFERENT and not kept
        yield replace(one, differences=kept, verdict=Verdict.EQUAL if is_equal else one.verdict)


def _fits(field: str, pattern: str) -> bool:
    return field == pattern or field.startswith(f"{pattern}.") or fnmatchcase(field, pattern)
