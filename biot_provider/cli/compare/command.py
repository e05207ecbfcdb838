"""`biot-provider compare A B`: what differs between two environments, plugin by plugin, field by field."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from biot_provider.cli.commands import Command, complete_stack
from biot_provider.cli.console import print_problem, print_result
from biot_provider.cli.progress import Progress
from biot_provider.errors import coded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from biot_provider.cli.compare.differences import Compared

_DETAILS = """\
A and B are stacks of the project in this folder:

\b
  dev           what the platform shows that the configuration of
                stack dev leads to
  platform:dev  the same
  state:dev     what the state of stack dev holds, as its last
                `pulumi up` left it; asks no platform

One name alone compares the stack's state with its platform.
"""


@click.command(
    "compare",
    cls=Command,
    help="Show what differs between the plugins of two environments.",
    details=_DETAILS,
    exit_codes={
        0: "equal",
        1: "different",
        2: "one of them cannot be read, no plugin has a name that --plugin gives, or wrong usage",
        130: "after Ctrl-C",
    },
    exclusive=("--json", "--markdown"),
    failure=2,
)
@click.argument("a", metavar="A", shell_complete=complete_stack, help="a stack")
@click.argument("b", metavar="[B]", required=False, shell_complete=complete_stack, help="another stack")
@click.option("--plugin", "plugins", multiple=True, metavar="NAME", help="compare these plugins alone (* and ? match)")
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="FIELD",
    help="leave a field out, such as code, memory_size or 'environment_variables.*'",
)
@click.option("--json", "format_", flag_value="json", help="print one JSON object")
@click.option("--markdown", "format_", flag_value="markdown", help="print Markdown, for a pull request")
def command(a: str, b: str | None, plugins: Sequence[str], ignored: Sequence[str], format_: str | None) -> int:
    """Compare."""
    from biot_provider.cli.compare.differences import Verdict, compare
    from biot_provider.cli.compare.report import as_json, as_markdown, as_text
    from biot_provider.cli.compare.sides import parse, read

    with ExitStack() as closing:
        left, right = parse(a, b)
        progress = closing.enter_context(Progress())
        here, there = (read(side, closing, progress) for side in (left, right))
    unmatched = [
        pattern
        for pattern in plugins
        if not any(fnmatchcase(name, pattern) for name in (*here.plugins, *there.plugins))
    ]
    if unmatched:
        named = ", ".join(map(repr, unmatched))
        print_problem(coded(f"no plugin is named like {named} in {left.label} or {right.label}", "BIOT-8002"))
        return 2
    # A key of this run alone: whoever reads the output cannot try values against a fingerprint.
    compared = compare(here, there, secrets.token_bytes(32))
    found = list(_wanted(compared, plugins, ignored))
    render = {"json": as_json, "markdown": as_markdown, None: as_text}[format_]
    for line in render(found, left.label, right.label):
        print_result(line)
    return 0 if all(one.verdict is Verdict.EQUAL for one in found) else 1


def _wanted(compared: Iterator[Compared], plugins: Sequence[str], ignored: Sequence[str]) -> Iterator[Compared]:
    """Yield the plugins that the user selected, without the fields that the user ignores."""
    from biot_provider.cli.compare.differences import Verdict

    for one in compared:
        if plugins and not any(fnmatchcase(one.name, pattern) for pattern in plugins):
            continue
        kept = tuple(d for d in one.differences if not any(_fits(d.field, pattern) for pattern in ignored))
        is_equal = one.verdict is Verdict.DIFFERENT and not kept
        yield replace(one, differences=kept, verdict=Verdict.EQUAL if is_equal else one.verdict)


def _fits(field: str, pattern: str) -> bool:
    return field == pattern or field.startswith(f"{pattern}.") or fnmatchcase(field, pattern)
