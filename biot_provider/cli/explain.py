"""`biot-provider explain CODE`: what a message means, why it happens and what to do, without a network."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict

from biot_provider.errors import coded

from .console import print_problem, print_result

_WIDTH = 100
"""Columns of text at most: longer lines are hard to read."""
_MOST_WHOLE = 4
"""Messages that are printed whole, such as those of one line with several codes; of more a line each."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("explain", help="explain a message by its code, such as BIOT-1001, or by its text")
    parser.add_argument("message", nargs="*", metavar="MESSAGE", help="a code, or a message; left out: list all")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each message")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain the messages; the exit code is 1 where there is none of that code or text."""
    return explain(" ".join(arguments.message), as_json=arguments.json)


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
