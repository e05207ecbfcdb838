"""The catalogue of messages: what each code means, why it happens, what to do, and an example.

The files beside this one are its only source; the page of messages is generated from them. A code is never used for
another situation: unused codes are listed in ``RETIRED``.
"""

from __future__ import annotations

import functools
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

GROUPS: Mapping[str, str] = {
    "1": "Configuration and connection",
    "2": "Inputs: arguments, plugin.yaml, overrides",
    "3": "Packages and builds",
    "4": "Images",
    "5": "Lifecycle and ownership",
    "6": "What the platform answers",
    "7": "Transport",
    "8": "Command line and doctor",
    "9": "Defects",
}
"""The topic of a code, by its first digit."""

RETIRED: frozenset[str] = frozenset()
"""Codes of former messages."""

_CODE = re.compile(r"(?:BIOT-)?(\d{4})", re.IGNORECASE)
_IN_TEXT = re.compile(r"BIOT-(\d{4})", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"<[^<>]+>")


@dataclass(frozen=True, slots=True)
class Message:
    """A reported situation: ``texts`` are its messages, with ``<what differs>`` in angle brackets."""

    code: str
    texts: tuple[str, ...]
    meaning: str
    action: str
    example: str

    @property
    def group(self) -> str:
        """The topic of the code."""
        return GROUPS[self.code.removeprefix("BIOT-")[0]]

    def lines(self, width: int) -> Iterator[str]:
        """Yield the whole entry as text for a terminal."""
        yield f"{self.code}: {self.group}"
        for heading, paragraphs in (
            ("message", self.texts),
            ("meaning", [self.meaning]),
            ("what to do", [self.action]),
        ):
            yield from ("", heading)
            for paragraph in paragraphs:
                yield from textwrap.wrap(paragraph, width, initial_indent="  ", subsequent_indent="  ")
        yield from ("", "example", *(f"  {line}".rstrip() for line in self.example.splitlines()))


@functools.cache
def catalogue() -> Mapping[str, Message]:
    """Return every message by its code, in the order of the codes."""
    sources = sorted((file for file in files(__package__).iterdir() if file.name.endswith(".toml")), key=str)
    entries = {code: entry for file in sources for code, entry in tomllib.loads(file.read_text("utf-8")).items()}
    return {code: _message(code, entry) for code, entry in sorted(entries.items())}


def find(query: str) -> list[Message]:
    """Return the messages with the codes in a text, such as a log line; without a code, those that match the text."""
    wanted = [_CODE.fullmatch(query.strip())] if _CODE.fullmatch(query.strip()) else [*_IN_TEXT.finditer(query)]
    codes = dict.fromkeys(f"BIOT-{match[1]}" for match in wanted if match)
    if codes:
        return [catalogue()[code] for code in codes if code in catalogue()]
    text = " ".join(query.lower().split())
    return [message for message in catalogue().values() if _may_be(message, text)]


def _may_be(message: Message, text: str) -> bool:
    """Return whether a text is part of a message, or a message with its placeholders filled in is part of the text."""
    for candidate in map(str.lower, message.texts):
        fixed = [re.escape(part) for part in _PLACEHOLDER.split(candidate)]
        is_telling = sum(map(len, fixed)) >= _LEAST_LETTERS
        if text in candidate or (is_telling and re.search(".+?".join(fixed), text)):
            return True
    return False


_LEAST_LETTERS = 8
"""Minimum letters of a message that a text must contain to be recognised as that message."""


def _message(code: str, entry: Mapping[str, str | list[str]]) -> Message:
    texts = entry["text"]
    meaning, action = (" ".join(str(entry[name]).split()) for name in ("meaning", "action"))
    example = str(entry["example"]).strip("\n")
    return Message(code, (texts,) if isinstance(texts, str) else tuple(texts), meaning, action, example)
