"""The pages of the documentation, and their blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in ROOT_PAGES)]

_FENCE = re.compile(r"^(?P<margin> *)(?P<mark>`{3,}|~{3,})(?P<language>.*)$")
_NOTE = re.compile(r"<!-- (given|run by|not checked): (.*?) -->|<!-- (run by) (\S+) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code, and the note above it, if there is one."""

    page: Path
    line: int
    language: str
    text: str
    note: str = ""
    said: str = ""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def is_checked_here(self) -> bool:
        """Whether it is checked in the way of its language: no note says that another test does, or why none."""
        return self.note in ("", "given")

    @property
    def given(self) -> str:
        """What a reader of the page has at this place, as Python."""
        return self.said.replace("; ", "\n") if self.note == "given" else ""


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text("utf-8").splitlines()
    opening: re.Match[str] | None = None
    start = 0
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if opening is None:
            opening, start = fence, number
        elif fence["mark"].startswith(opening["mark"]) and not fence["language"].strip():
            margin = len(opening["margin"])
            text = "".join(f"{inside[margin:]}\n" for inside in lines[start + 1 : number])
            note, said = _note_above(lines[:start])
            yield Block(page, start + 1, opening["language"].strip(), text, note, said)
            opening = None
    assert opening is None, f"{page}:{start + 1}: a block without an end"


def _note_above(lines: list[str]) -> tuple[str, str]:
    """What a comment right above a block says of it."""
    text = "\n".join(lines[-6:])
    if not text.endswith("-->"):
        return "", ""
    note = _NOTE.fullmatch(text[text.rindex("<!--") :])
    if note is None:
        return "", ""
    return note[1] or note[3], " ".join((note[2] or note[4]).split())


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def in_language(*languages: str) -> list[Block]:
    """The blocks in these languages that are checked in the way of their language."""
    return [block for block in BLOCKS if block.language in languages and block.is_checked_here]
