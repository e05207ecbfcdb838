"""Reads a YAML file with values as written, and with errors of one line for its author.

PyYAML's composer is used unchanged: a node holds the scalar's text and line, without the type resolution of YAML 1.1,
which turns ``0012`` into 10 and ``22:30`` into 1350. The meaning of an unquoted scalar depends on the field: a text
field takes it as written, any other field calls :func:`value_of`, which follows YAML 1.2. JSON is read in the same way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from biot_provider.errors import InputError

MAX_NODES = 100_000
"""Maximum values of one file, with each alias counted as the values that it stands for: these can be billions."""
MAX_DEPTH = 50

_CORE = "tag:yaml.org,2002:"
_TAGS = frozenset(_CORE + name for name in ("str", "int", "float", "bool", "null", "seq", "map"))
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,100}")
_PREFIXED = re.compile(r"0o[0-7]{1,100}|0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

# Characters that YAML forbids, and line breaks of YAML 1.1, which PyYAML folds, that are none in YAML 1.2 and JSON.
_NOT_KEPT = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Plain(str):
    """An unquoted scalar, as written."""


def read_yaml(file: Path, shown: str) -> Any:
    """Return the file's content with the values of YAML 1.2; ``shown`` is its name in an error.

    Raises InputError when it cannot be read.
    """
    return value_of(read_written(file, shown))


def read_written(file: Path, shown: str) -> Any:
    """Return the file's content, with unquoted scalars as :class:`Plain`; None if it is empty.

    Raises InputError when it cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{shown}: cannot be read: {error.strerror or type(error).__name__}", "BIOT-2152") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{shown} (line {line}): cannot be read: it is not text in UTF-8: save it as UTF-8", "BIOT-2152"
        ) from None
    return _parse(text, shown)


def value_of(written: Any) -> Any:
    """Return the value, with unquoted scalars read by the core schema of YAML 1.2."""
    if isinstance(written, Mapping):
        return {key: value_of(member) for key, member in written.items()}
    if isinstance(written, list):
        return [value_of(member) for member in written]
    return _scalar_value(str(written)) if isinstance(written, Plain) else written


def _scalar_value(text: str) -> Any:
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _PREFIXED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _parse(text: str, shown: str) -> Any:
    if found := _NOT_KEPT.search(text):
        code = f"U+{ord(found[0]):04X}"
        raise InputError(
            f"{shown} (line {text.count(chr(10), 0, found.start()) + 1}): is not YAML: it holds the character {code},"
            f" which is not kept as it is: write it as \\u{ord(found[0]):04x} in double quotes",
            "BIOT-2151",
        )
    loader = yaml.BaseLoader(_without_tabs(text))
    try:
        node = loader.get_single_node()
    except RecursionError:
        raise InputError(f"{shown} (line {loader.line + 1}): is not YAML: is nested too deeply", "BIOT-2151") from None
    except yaml.MarkedYAMLError as error:
        raise InputError(f"{shown}{_where(error.problem_mark)}: is not YAML: {_why(error)}", "BIOT-2151") from None
    return None if node is None else _Tree(shown).value(node, MAX_DEPTH)


def _without_tabs(text: str) -> str:
    """Replace the tabs of JSON, which YAML forbids as indentation; in JSON no value contains a raw tab."""
    if "\t" not in text:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")


class _Tree:
    """Converts the composer's nodes to values."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._nodes = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        """Return the node's value, at most ``depth`` levels deep. Raises InputError."""
        self._nodes += 1
        if depth == 0:
            raise self._error(node, "is nested too deeply, or an alias stands for what it is part of")
        if self._nodes > MAX_NODES:
            raise self._error(node, f"its aliases stand for more than {MAX_NODES} values")
        if node.tag not in _TAGS:
            raise self._error(node, "what begins with ! is a tag, which means nothing here: put text in quotes")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth - 1)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(member, depth - 1) for member in node.value]
        text = self._text(node)
        return Plain(text) if isinstance(node, yaml.ScalarNode) and node.style is None else text

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key must be text: put what begins with { or [ in quotes")
            key = self._text(key_node)
            if key in lines:
                raise self._error(key_node, f"the key {key!r} is given twice, in line {lines[key]} too: leave one out")
            lines[key] = key_node.start_mark.line + 1
            if key == "<<" and key_node.style is None:
                merged = self._merged(value_node, depth)
            else:
                values[key] = self.value(value_node, depth)
        return merged | values

    def _merged(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        """Return the members that ``<<`` adds: of a map, or of a list of maps, the first of which wins."""
        given = self.value(node, depth)
        members: dict[str, Any] = {}
        for part in reversed(given if isinstance(given, list) else [given]):
            if not isinstance(part, dict):
                raise self._error(node, "<< must name a map, or a list of maps")
            members |= part
        return members

    def _text(self, node: yaml.Node) -> str:
        try:
            # JSON writes a character beyond U+FFFF as two escapes; YAML keeps them apart.
            return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._error(node, "half a character (\\ud800 to \\udfff alone) is no text") from None

    def _error(self, node: yaml.Node, problem: str) -> InputError:
        return InputError(f"{self._shown}{_where(node.start_mark)}: {problem}", "BIOT-2151")


def _where(mark: yaml.Mark | None) -> str:
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""


def _why(error: yaml.MarkedYAMLError) -> str:
    """Return the problem without quoting the text, which may be the value of an environment variable."""
    problem, context = str(error.problem), str(error.context)
    if "undefined alias" in problem:
        return "what begins with * is an alias, and there is no anchor of that name: put text in quotes"
    if "undefined tag handle" in problem:
        return "what begins with ! is a tag: put text in quotes"
    if "duplicate anchor" in context:
        return "what begins with & is an anchor, and there are two of that name: put text in quotes"
    if "another document" in problem:
        return "a second document begins here (---): leave one"
    if r"'\t'" in problem:
        return "there is a tab where only spaces may be"
    return f"{problem}; text that begins with or holds a sign of YAML's own belongs in quotes"
