"""The commands in a piece of shell, each held against the program that it names."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from biot_provider.cli import main

from .blocks import ROOT

_SEPARATORS = {";", "&&", "||", "|", "&", "(", ")", "{", "}", "do", "then", "else", "done", "fi", "\n"}
_BEFORE_COMMAND = re.compile(r"^(\w+=.*|!|eval|exec|export|time|if|while|for)$", re.DOTALL)
_QUOTED_OR_COMMENT = re.compile(r"""('[^']*'|"(?:\\.|[^"\\])*")|(?<!\S)#[^\n]*""")
_REDIRECTION = re.compile(r"^[<>]+&?$")


@dataclass(frozen=True)
class Command:
    """A command with its words, without redirections."""

    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return Path(self.words[0]).name

    def check(self) -> None:
        """Fail where its program has no such command, option or target. Other programs' commands count as right."""
        checks = {"biot-provider": _check_ours, "pulumi": _check_pulumi, "make": _check_make, "pip": _check_pip}
        if self.program in checks:
            checks[self.program](self.words[1:])


def commands_in(text: str) -> Iterator[Command]:
    """The commands of a piece of shell, those in ``$(...)`` too."""
    # An expression of a pipeline's or a placeholder is a word.
    text = re.sub(r"\$\{\{.*?\}\}", "value", text).replace("\\\n", " ")
    for inner in re.findall(r"\$\(([^()]*)\)", text):
        yield from commands_in(inner)
    text = _QUOTED_OR_COMMENT.sub(lambda found: found[1] or "", re.sub(r"\$\([^()]*\)", "value", text))
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    words: list[str] = []
    is_redirected = False
    for token in [*lexer, "\n"]:
        if _REDIRECTION.match(token) or is_redirected:
            is_redirected = not is_redirected
        elif token in _SEPARATORS or set(token) <= set("();|&\n"):
            if words:
                yield Command(tuple(words))
            words = []
        elif words or not _BEFORE_COMMAND.match(token):
            words.append(token)


def _options(words: Sequence[str]) -> list[str]:
    before = words[: words.index("--")] if "--" in words else words
    return [word.partition("=")[0] for word in before if re.match(r"^--?[a-zA-Z]", word)]


def _check_ours(words: Sequence[str]) -> None:
    """Of this project: by its own help, which names each option."""
    path = [words[0]] if words and not words[0].startswith("-") and words[0] != "COMMAND" else []
    if path == ["cache"] and len(words) > 1:
        path.append(words[1])
    code, text = _our_help(*path)
    assert code == 0, f"biot-provider {' '.join(words)}: {text}"
    _check_options(text, words, "biot-provider")


def _check_pulumi(words: Sequence[str]) -> None:
    names = []
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        names.append(word)
    text = _pulumi_help(*names)
    usage = re.search(r"^Usage:\n +pulumi((?: [a-z][a-z-]*)*)", text, re.MULTILINE)
    assert usage, text
    rest = names[len(usage[1].split()) :]
    assert not rest or "Available Commands:" not in text, f"pulumi {' '.join(words)}: there is no command {rest[0]}"
    _check_options(text, words, "pulumi")


def _check_options(text: str, words: Sequence[str], program: str) -> None:
    for option in _options(words):
        assert re.search(rf"(^|[\s,\[|]){re.escape(option)}\b", text), (
            f"{program} {' '.join(words)}: no {option} in\n{text}"
        )


def _check_make(words: Sequence[str]) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert targets
    assert {word for word in words if "=" not in word} <= set(targets[1].split()), words


def _check_pip(words: Sequence[str]) -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for word in words:
        if wanted := re.match(r"biot-provider\[(.*)\]", word):
            for extra in wanted[1].split(","):
                assert f"\n{extra} = [\n" in project, f"pip {' '.join(words)}: no extra {extra}"


@cache
def _our_help(*names: str) -> tuple[int, str]:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        try:
            code = main([*names, "--help"])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, shown.getvalue()


@cache
def _pulumi_help(*names: str) -> str:
    ensure = [sys.executable, str(ROOT / "tools" / "engine" / "ensure.py")]
    folder = subprocess.run(ensure, capture_output=True, text=True, check=True).stdout.strip()
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    command = [str(Path(folder, "pulumi")), *names, "--help"]
    return subprocess.run(command, capture_output=True, text=True, env=environment).stdout
