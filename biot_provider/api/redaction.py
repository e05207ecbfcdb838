"""Redacts secrets in texts from elsewhere: a platform's message, a page of a gateway, a builder's output.

Redacted are the following, also in other upper or lower case, broken by blanks or new lines, escaped as in JSON, HTML
or URLs (even twice), or in base64 or hexadecimal digits:

- a secret of eight characters or more, and each piece of it that long: beginning, end, or middle. A shorter rest of a
  truncated quote stays: it reveals little, and redacting it would redact ordinary words too.
- a shorter secret, of at least four characters, where it occurs as a whole; blanks do not count.
- the query of an address, and the user name and password before its host, even if they are not known as secrets.

Words that occur in many values and are not secret (``true``, ``https://``, ``production``) stay.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import unquote

REDACTED = "[secret]"

_PIECE = 8
_SHORTEST = 4
_LAYERS = 3
"""How many times a text may have been escaped: for example JSON in a JSON string on an HTML page."""

_PLAIN = (
    *("true", "false", "null", "none", "info", "debug", "warn", "warning", "error", "enabled", "disabled", "strict"),
    *("production", "development", "staging", "localhost", "application/json", ".amazonaws.com", ".biot-med.com"),
    *("https://", "http://", "postgres://", "postgresql://", "mongodb://", "mongodb+srv://", "redis://", "amqps://"),
)
_ESCAPE = re.compile(
    r"""\\u(?:[0-9a-f]{4}) | \\x[0-9a-f]{2} | \\["'\\/bfnrt] | &\#?\w{1,10}; | (?:%[0-9a-f]{2})+""",
    re.IGNORECASE | re.X,
)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BLANK = re.compile(r"\s")
_ADDRESS = re.compile(r"://[^\s\"'<>]+")
_NO_HOST = re.compile(r"://(?![\w.-]+/)")
"""The beginning of an address that is more than a host and a path."""


class _View(NamedTuple):
    """A decoded form of a text: its characters, and where each begins and ends in the original text."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


class _Parts(NamedTuple):
    """What is struck out for a secret: each of its pieces, and each form of it that is too short to have any."""

    pieces: frozenset[str]
    whole: frozenset[str]


class Redaction:
    """Redacts a set of secrets in texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._parts = [parts for parts in map(_parts, set(secrets)) if any(parts)]

    def __call__(self, text: str) -> str:
        """Return the text with every secret redacted, as the module's docstring describes."""
        struck = [span for found in _ADDRESS.finditer(text) for span in _inside(found)]
        if self._parts:
            for view in map(_without_blanks, _views(text)):
                struck += _found_parts(view, self._parts)
        return _strike(text, struck)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text with these secrets redacted."""
    return Redaction(secrets)(text)


def texts(value: Any) -> Iterator[str]:
    """Yield every value inside, in the form in which a text would show it, for a Redaction."""
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, str):
        yield value
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif isinstance(value, int | float):
        yield str(value)
    elif value is not None and hasattr(value, "__iter__"):
        for item in value:
            yield from texts(item)


class KnownSecrets:
    """The secrets that no error and no log may quote, for any request; shared by the threads of a process."""

    def __init__(self, *secrets: str | None) -> None:
        self._secrets = set(filter(None, secrets))

    def add(self, secret: str) -> None:
        """Add a secret that must not be quoted."""
        self._secrets.add(secret)

    def add_long(self, values: Iterable[str | None]) -> None:
        """Add those of these values that are long enough.

        Redacting short values would also remove ordinary words from unrelated messages.
        """
        self._secrets.update(value for value in values if value and len(value) >= _PIECE)

    def with_more(self, secrets: Iterable[str] = ()) -> list[str]:
        """Return the known secrets together with these."""
        return [*self._secrets.copy(), *secrets]


def _inside(address: re.Match[str]) -> list[tuple[int, int]]:
    """Return the spans of user name and password, and of the query, in one or more adjacent addresses.

    A password may contain any character, so it ends at the last @.
    """
    text, start = address[0], address.start()
    begins, at, query = _NO_HOST.search(text), text.rfind("@"), text.find("?")
    spans = [(begins.end(), at)] if begins and begins.end() < at else []
    spans += [(query + 1, len(text))] if -1 < query < len(text) - 1 else []
    return [(start + first, start + end) for first, end in spans]


@functools.lru_cache(maxsize=16384)
def _parts(secret: str) -> _Parts:
    """Return the parts of a secret; cached, since a process redacts many texts with the same secrets."""
    if len(_folded(secret)) < _SHORTEST:
        return _Parts(frozenset(), frozenset())
    forms = set(_forms(secret))
    pieces = {piece for form in forms for piece in _pieces(form)} - _PLAIN_PIECES
    return _Parts(frozenset(pieces), frozenset(form for form in forms if len(form) < _PIECE) - set(_PLAIN))


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a secret may be written; escapes are decoded in the text instead."""
    yield _folded(secret)
    yield _folded(secret.replace(" ", "+"))
    value = secret.encode(errors="replace")
    long = [value.hex(), *_in_base64(value)]
    yield from (form for form in map(_folded, long) if len(form) >= _PIECE)


def _in_base64(value: bytes) -> Iterator[str]:
    """Yield the base64 digits of a value at each offset in a longer value, without digits shared with neighbours."""
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + value).decode()
        partial = (before + len(value)) % 3
        digits = encoded[shared : -(4 - partial) if partial else None]
        yield digits
        yield digits.translate(str.maketrans("+/", "-_"))


def _folded(text: str) -> str:
    return "".join(_lower(character) for character in text if not character.isspace())


def _lower(character: str) -> str:
    return character.lower()[0]  # lower() may give two characters


def _pieces(form: str) -> set[str]:
    return {form[at : at + _PIECE] for at in range(len(form) - _PIECE + 1)}


_PLAIN_PIECES = {piece for word in _PLAIN for piece in _pieces(word)}


def _views(text: str) -> Iterator[_View]:
    """Yield the text as it is, and with its escapes decoded, layer by layer."""
    view = _View("".join(map(_lower, text)), range(len(text)), range(1, len(text) + 1))
    plain = text
    yield view
    for _ in range(_LAYERS):
        escapes = list(_ESCAPE.finditer(plain))
        if not escapes:
            return
        characters: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for escape in escapes:
            for place in range(at, escape.start()):
                characters.append(plain[place])
                starts.append(view.starts[place])
                ends.append(view.ends[place])
            for character in _meant(escape[0]):
                characters.append(character)
                starts.append(view.starts[escape.start()])
                ends.append(view.ends[escape.end() - 1])
            at = escape.end()
        characters += plain[at:]
        starts += view.starts[at:]
        ends += view.ends[at:]
        plain = "".join(characters)
        view = _View("".join(map(_lower, plain)), starts, ends)
        yield view


def _meant(escape: str) -> str:
    if escape.startswith("&"):
        return unescape(escape)
    if escape.startswith("%"):
        return unquote(escape, errors="replace")
    kind, digits = escape[1], escape[2:]
    return chr(int(digits, 16)) if digits else _LETTERS.get(kind.lower(), kind)


def _without_blanks(view: _View) -> _View:
    if not _BLANK.search(view.text):
        return view
    kept = [place for place, character in enumerate(view.text) if not character.isspace()]
    return _View(
        "".join(view.text[place] for place in kept),
        [view.starts[place] for place in kept],
        [view.ends[place] for place in kept],
    )


def _found_parts(view: _View, parts: Sequence[_Parts]) -> Iterator[tuple[int, int]]:
    """Yield the spans of the text that are a part of a secret.

    A text is short and the secrets may be thousands, so that the text's pieces are looked up in theirs.
    """
    shown = [view.text[at : at + _PIECE] for at in range(len(view.text) - _PIECE + 1)]
    different = frozenset(shown)
    secret = {piece for pieces, _ in parts for piece in pieces & different}
    for at, piece in enumerate(shown):
        if piece in secret:
            yield view.starts[at], view.ends[at + _PIECE - 1]
    for form in {form for _, whole in parts for form in whole}:
        for at in _places(form, view.text):
            yield view.starts[at], view.ends[at + len(form) - 1]


def _places(word: str, text: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _strike(text: str, struck: list[tuple[int, int]]) -> str:
    """Return the text with these spans replaced; adjacent spans become one replacement."""
    edges: list[tuple[int, int]] = []
    for start, end in sorted(struck):
        if edges and start <= edges[-1][1]:
            edges[-1] = (edges[-1][0], max(end, edges[-1][1]))
        else:
            edges.append((start, end))
    kept = [0, *(edge for span in edges for edge in span), len(text)]
    return REDACTED.join(text[start:end] for start, end in list(pairwise(kept))[::2])
