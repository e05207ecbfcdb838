"""A YAML file's values stay as written, and what is wrong with it is one line with its line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from biot_provider.errors import InputError
from biot_provider.plugin.manifest.yaml_file import read_written, read_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def _file(folder: Path, content: str | bytes) -> Path:
    file = folder / "file.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("", None),
        ("# a comment", None),
        ("---\n", ""),
        ("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n", {"a": "1", "b": "x\ny\n"}),
        ("%YAML 1.2\n---\na: ! 0012\n...\n", {"a": "0012"}),
        ("a: !!str 0012\nb: !!int 0x1F", {"a": "0012", "b": "0x1F"}),
        ("a: two\n  lines\nb: >-\n  0012\n", {"a": "two lines", "b": "0012"}),
        ("on: {y: n}\n1: [~]", {"on": {"y": "n"}, "1": ["~"]}),
        ("d: &d {a: 01, b: 02}\ne: {<<: *d, b: 03}", {"d": {"a": "01", "b": "02"}, "e": {"a": "01", "b": "03"}}),
        ("<<: [{a: 1}, {a: 2, b: 3}]", {"a": "1", "b": "3"}),
        ('{"a":\t1.10,\n\t"b": "\\/\\t\\ud83d\\ude00"}', {"a": "1.10", "b": "/\t😀"}),
    ],
)
def test_a_scalar_is_what_is_written(tmp_path: Path, content: str, value: Any) -> None:
    assert read_written(_file(tmp_path, content), "file") == value


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: 1\nb:\n  c: 1\n  'c': 2", "(line 4, column 3): the key 'c' is given twice, in line 3 too: leave one out"),
        ('{"a": [{"b": 1,\n"b": 2}]}', "(line 2, column 1): the key 'b' is given twice, in line 1 too: leave one out"),
        ("<<: {a: 1}\n<<: {b: 1}", "(line 2, column 1): the key '<<' is given twice, in line 1 too: leave one out"),
        ("a: 1\n---\nb: 1", "(line 2, column 1): is not YAML: a second document begins here (---): leave one"),
        ("a:\t1", "(line 1, column 3): is not YAML: there is a tab where only spaces may be"),
        ("a: *b", "(line 1, column 4): is not YAML: what begins with * is an alias"),
        ("a: &b 1\nc: &b 2", "(line 2, column 4): is not YAML: what begins with & is an anchor, and there are two"),
        ("a: !b c", "(line 1, column 4): what begins with ! is a tag, which means nothing here"),
        ("a: !b!c d", "(line 1, column 4): is not YAML: what begins with ! is a tag"),
        ("a: !!binary aGk=", "(line 1, column 4): what begins with ! is a tag, which means nothing here"),
        ("a: {{b}}", "(line 1, column 5): a key must be text"),
        ("a: {<<: 1}", "(line 1, column 9): << must name a map, or a list of maps"),
        ('a: "\\ud83d"', "(line 1, column 4): half a character"),
        ("a: b\nc: d\x85e", "(line 2): is not YAML: it holds the character U+0085"),
        ('a: "b\u2028c"', "(line 1): is not YAML: it holds the character U+2028"),
        ("a: 1\nb: \x00", "(line 2): is not YAML: it holds the character U+0000"),
        (b"a: 1\nb: \xe9", "(line 2): cannot be read: it is not text in UTF-8"),
        ("a: 1".encode("utf-16"), "(line 1): cannot be read: it is not text in UTF-8"),
        (BOMB, "(line 1, column 35): its aliases stand for more than 100000 values"),
        ("a: &a [*a]", "(line 1, column 4): is nested too deeply, or an alias stands for what it is part of"),
        ("[" * 60, "(line 1, column 61): is not YAML: expected the node content"),
        ("[" * 60 + "]" * 60, "(line 1, column 51): is nested too deeply"),
        ("\n" + "[" * 1000, "(line 2): is not YAML: is nested too deeply"),
    ],
    ids=range(23),
)
def test_what_is_wrong_is_one_line_that_names_its_line(tmp_path: Path, content: str | bytes, problem: str) -> None:
    with pytest.raises(InputError) as raised:
        read_written(_file(tmp_path, content), "file")
    assert str(raised.value).startswith(f"file {problem}")
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file: cannot be read: Is a directory"):
        read_written(tmp_path, "file")


def test_a_value_without_quotes_has_the_meaning_of_yaml_1_2(tmp_path: Path) -> None:
    content = "[012, 0x1F, 0o17, -1, 1.5e1, .5, true, False, null, ~, , yes, 1_000, 22:30, 0b1, 2024-01-01, '1', 1e]"
    assert read_yaml(_file(tmp_path, content.replace(", ,", ", !!null ,")), "file") == [
        *(12, 31, 15, -1, 15.0, 0.5, True, False, None, None, None),
        *("yes", "1_000", "22:30", "0b1", "2024-01-01", "1", "1e"),
    ]


def test_json_is_read_as_json(tmp_path: Path) -> None:
    chosen = random.Random(0)

    def text() -> str:
        return "".join(
            chosen.choices("ab \"\\/:{}[],#&*!|>'%@`?-~\t\n\ré😀\u2028\x7f\x85\x00", k=chosen.randint(0, 12))
        )

    def value(depth: int) -> Any:
        if depth == 0 or chosen.random() < 0.5:
            return chosen.choice([text(), chosen.randint(-(10**20), 10**20), chosen.random() * 1e9, True, False, None])
        if chosen.random() < 0.5:
            return {text(): value(depth - 1) for _ in range(chosen.randint(0, 4))}
        return [value(depth - 1) for _ in range(chosen.randint(0, 4))]

    for indent in (None, 2, "\t") * 50:
        given = value(4)
        assert read_yaml(_file(tmp_path, json.dumps(given, indent=indent)), "file") == given
