"""What `doctor` prints: one line for each thing that is fine, and the whole of what is not; or everything; or JSON."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import click

from biot_provider.cli.console import print_result, printable
from biot_provider.cli.progress import Progress
from biot_provider.errors import BiotError, coded

OK, NOTE, PROBLEM, NOT_CHECKED = "ok", "note", "problem", "not checked"

_COMMAND = re.compile(r"`[^`]*`")
_NO_BREAK = "\u00a0"
_COLORS = {OK: "green", NOTE: "yellow", PROBLEM: "red", NOT_CHECKED: None}


class NoteError(BiotError):
    """What a check finds is no problem for every program; the text says what it is and who needs to mend it."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str
    state: str
    text: str
    code: str | None = None
    """The message's code, of what is not ok."""

    @property
    def has_passed(self) -> bool:
        """Whether what depends on it can be checked."""
        return self.state in (OK, NOTE)


@dataclass(frozen=True)
class Thing:
    """What one line is about while all of its checks are fine; ``summary`` stands in place of their texts then."""

    name: str
    findings: Sequence[Finding]
    summary: str = ""

    def shown(self) -> list[Finding]:
        """Return what the short report says of it."""
        if all(finding.state == OK for finding in self.findings):
            return [Finding(self.name, OK, self.summary or "; ".join(finding.text for finding in self.findings))]
        if all(finding.state == NOT_CHECKED for finding in self.findings):
            return [Finding(self.name, NOT_CHECKED, "")]
        return [finding for finding in self.findings if finding.state in (NOTE, PROBLEM)]


def print_report(things: Iterable[Thing], progress: Progress, *, is_long: bool) -> int:
    """Print the things as they come; return the number of problems."""
    layout = _Layout(29 if is_long else 13, is_long=is_long)
    problems = 0
    for thing in things:
        progress.hide()
        for finding in thing.findings if is_long else thing.shown():
            layout.print(finding)
        problems += sum(finding.state == PROBLEM for finding in thing.findings)
    progress.hide()
    return problems


def print_json(things: Iterable[Thing], progress: Progress) -> int:
    """Print an object in one line for each check; return the number of problems."""
    problems = 0
    for thing in things:
        progress.hide()
        for finding in thing.findings:
            print_result(json.dumps({name: value for name, value in asdict(finding).items() if value is not None}))
            problems += finding.state == PROBLEM
    return problems


class _Layout:
    """Three columns: the name, the state, and the text, which a terminal shows within its width."""

    def __init__(self, name_width: int, *, is_long: bool) -> None:
        self._name_width = name_width
        self._state_width = len(NOT_CHECKED if is_long else PROBLEM)
        self._is_long = is_long
        self._width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def print(self, finding: Finding) -> None:
        """Print one finding: in short, what is fine is cut to one line."""
        label = f"{finding.check:<{self._name_width}}  "
        state = f"{finding.state:<{self._state_width}}  "
        first, *more = self._lines(
            printable(coded(finding.text, finding.code)), len(label) + len(state), is_cut=finding.state == OK
        )
        state = click.style(state, fg=_COLORS[finding.state]) if first else finding.state
        click.echo(f"{printable(label)}{state}{first}")
        for line in more:
            click.echo(f"{'':{self._name_width + self._state_width + 4}}{line}")

    def _lines(self, text: str, begin: int, *, is_cut: bool) -> list[str]:
        if self._width is None or not text:
            return [text]
        indent = self._name_width + self._state_width + 4
        room = max(self._width - indent, 20)
        if is_cut and not self._is_long:
            return [textwrap.shorten(text, room, placeholder=" …")]
        # A command stays on one line, so that it can be copied.
        kept = _COMMAND.sub(lambda command: command[0].replace(" ", _NO_BREAK), text)
        lines = textwrap.wrap(
            kept, room, initial_indent=" " * (begin - indent), break_long_words=False, break_on_hyphens=False
        )
        first, *more = (line.replace(_NO_BREAK, " ") for line in lines)
        return [first.lstrip(), *more]
