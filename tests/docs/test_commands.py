"""The commands of the pages, in blocks and in sentences: each is one that its program has, with its options."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .blocks import PAGES, Block, in_language
from .commands import Command, commands_in

PLACEHOLDER = re.compile(r"(?<![<\w])<[A-Za-z][^<>\n]*>")
INLINE = re.compile(r"`((?:biot-provider|pulumi|make|pip) [^`]+)`")


def shell(block: Block) -> str:
    """The commands of a block, with a word for each `<placeholder>`; on a console they stand behind `$`."""
    if block.language == "sh":
        return PLACEHOLDER.sub("placeholder", block.text)
    typed = re.findall(r"^\$ (.*)$", block.text, re.MULTILINE)
    assert typed, f"{block.place}: a console without a command"
    return "\n".join(typed)


@pytest.mark.parametrize("block", in_language("sh", "console"), ids=lambda block: block.place)
def test_a_block_has_commands_that_there_are(block: Block) -> None:
    text = shell(block)
    syntax = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert (syntax.returncode, syntax.stderr) == (0, "")
    for command in commands_in(text):
        command.check()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_sentence_names_commands_that_there_are(page: Path) -> None:
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for text in INLINE.findall(prose):
        # `NAME`, `<name>` and `...` stand for something.
        (command, *_) = commands_in(PLACEHOLDER.sub("placeholder", " ".join(text.split())).replace("...", ""))
        command.check()


def test_what_there_is_not_is_found() -> None:
    for wrong in (
        "biot-provider graph --nothing",
        "biot-provider frobnicate",
        "pulumi up --nothing",
        "pulumi stack frobnicate",
        "make nothing",
        "pip install 'biot-provider[nothing]'",
        "a=$(pulumi preview --nothing)",
        "true && FROM=1 .venv/bin/biot-provider doctor --nothing  # as said",
    ):
        with pytest.raises(AssertionError):
            for command in commands_in(wrong):
                command.check()


def test_words_are_read_as_a_shell_does() -> None:
    text = "for a in b; do pulumi up --yes > file; done  # pulumi --no\nX=1 make up || test $? -eq 1"
    assert [command.words for command in commands_in(text)] == [
        ("a", "in", "b"),
        ("pulumi", "up", "--yes"),
        ("make", "up"),
        ("test", "$?", "-eq", "1"),
    ]
    assert Command(("/bin/make", "up")).program == "make"
