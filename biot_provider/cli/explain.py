"""`biot-provider explain CODE`: what a message means, why it happens and what to do, without a network."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict

import click

from biot_provider.cli.commands import Command
from biot_provider.cli.console import print_problem, print_result
from biot_provider.errors import coded

_WIDTH = 100
"""Columns of text at most: longer lines are hard to read."""
_MOST_WHOLE = 4
"""Messages that are printed whole, such as those of one line with several codes; of more a line each."""


@click.command(
    "explain",
    cls=Command,
    help="Explain a message by its code or its text.",
    exit_codes={0: "the messages are explained", 1: "there is none of that code or text", 2: "wrong usage"},
)
@click.argument("message", nargs=-1, metavar="[MESSAGE]", help="a code, or a message; left out: list all")
@click.option("--json", "as_json", is_flag=True, help="print a JSON object for each message")
def command(message: tuple[str, ...], as_json: bool) -> int:
    """Explain the messages."""
    return explain(" ".join(message), as_json=as_json)


def explain(query: str, *, as_json: bool) -> int:
    """Print the messages that a query is about: one whole, several as a list."""
    from biot_provider.messages import catalogue, find

    found = find(query) if query.strip() else [*catalogue().values()]
    if not found:
        problem = f"there is no message {query!r}: give a code such as BIOT-1001, or part of a message's text"
        print_problem(coded(problem, "BIOT-8090"))
        return 1
    width = min(shutil.get_terminal_size().columns, _WIDTH)
    for number, message in enumerate(found):
        if as_json:
            print_result(json.dumps(asdict(message)))
        elif len(found) <= _MOST_WHOLE:
            for line in (*([""] if number else []), *message.lines(width)):
                print_result(line)
        else:
            print_result(f"{message.code}  {message.texts[0]}")
    return 0
