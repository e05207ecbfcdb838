"""The codes of messages: each is explained once, each message has one, and what the page says is what is printed."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import biot_provider
from biot_provider.cli import main
from biot_provider.errors import BiotError, coded, shown_size
from biot_provider.messages import GROUPS, RETIRED, Message, catalogue, find

PACKAGE = Path(biot_provider.__file__).parent
CODE = re.compile(r"BIOT-\d{4}")
# The emulator answers as the platform does; starters are a user's own files.
NOT_OURS = ("emulator", "starters")
CODED = {"Problem", "coded"}
"""What takes a message and its code, beside the errors."""


@cache
def trees() -> dict[str, ast.Module]:
    files = [file for file in sorted(PACKAGE.rglob("*.py")) if file.relative_to(PACKAGE).parts[0] not in NOT_OURS]
    return {str(file.relative_to(PACKAGE)): ast.parse(file.read_text("utf-8")) for file in files}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for name, tree in trees().items():
        for node in ast.walk(tree):
            yield name, node


@cache
def family() -> frozenset[str]:
    """The names of BiotError and of all classes below it, as the source has them."""
    parents = {
        node.name: {ast.unparse(base) for base in node.bases} for _, node in nodes() if isinstance(node, ast.ClassDef)
    }
    names = {"BiotError"}
    while more := {name for name, bases in parents.items() if bases & names} - names:
        names |= more
    return frozenset(names)


@cache
def printed() -> str:
    """Every literal text of the source."""
    # The emulator says how it is installed, and what of a package does not run here.
    emulator = (PACKAGE / "emulator" / name for name in ("__init__.py", "functions/runtime/fitting.py"))
    of_emulator = (node for file in emulator for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    literals = [*(node for _, node in nodes()), *of_emulator]
    return "\0".join(str(node.value) for node in literals if isinstance(node, ast.Constant))


def used() -> set[str]:
    return {
        node.value
        for _, node in nodes()
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }


def test_each_code_of_the_source_is_explained_and_each_that_is_explained_is_used() -> None:
    assert used() == {*catalogue()}
    assert not RETIRED & {*catalogue()}


def test_each_error_has_a_code_or_is_made_of_messages_that_have() -> None:
    """The codes of a few classes follow from their other arguments, within the class."""
    by_itself = {"CancelledError", "InvalidInputsError", "HalfMadeError"}
    wrong = []
    for name, node in nodes():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id not in (family() - by_itself) | CODED or name == "lifecycle/validation.py":
            continue
        position = 2 if node.func.id == "Problem" else 1  # whose path comes first
        code = node.args[position] if len(node.args) > position else None
        is_literal = isinstance(code, ast.Constant) and isinstance(code.value, str) and CODE.fullmatch(code.value)
        is_passed_on = isinstance(code, ast.Name | ast.Attribute | ast.BinOp) or (code and "join" in ast.unparse(code))
        is_composed = isinstance(code, ast.Constant) and code.value is None
        text = ast.unparse(node.args[position - 1])
        if not (
            is_literal or is_passed_on or (is_composed and re.search(r"join|coded|only a Python program|''", text))
        ):
            wrong.append(f"{name}:{node.lineno}: {ast.unparse(node)[:80]}")
    assert wrong == []


def test_a_warning_has_a_code_and_one_function_makes_it_one() -> None:
    """Nobody else writes the word before a line, nor looks for it there."""
    assert [
        name for name, node in nodes() if isinstance(node, ast.Constant) and str(node.value).startswith("warning: ")
    ] == ["errors.py"]
    codes = {
        f"{name}:{node.lineno}": ast.unparse(node.args[1])
        for name, node in nodes()
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("warn", "_warn", "Notice")
        if len(node.args) == 2
    }
    passed_on = {"code", "message_code"}
    assert {code for code in codes.values() if not CODE.fullmatch(code.strip("'"))} == passed_on
    assert len(codes) > len(passed_on)


@pytest.mark.parametrize("message", catalogue().values(), ids=catalogue())
def test_an_entry_says_what_is_printed_what_it_means_and_what_to_do(message: Message) -> None:
    for fragment in (part for text in message.texts for part in re.split(r"<[^<>]+>", text) if part.strip()):
        for words in re.split(r"\d+|plugin\.yaml|\.dockerignore|\bpulumi\b", fragment):
            assert words.strip() in printed(), f"no message has {words!r}"
    assert message.code[5] in GROUPS
    for text in (message.meaning, message.action):
        assert re.search(r"[.!]$", text), text
    assert message.example


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 kB"),
        (20_582, "20.1 kB"),
        (250 << 20, "250 MB"),
        (2 << 30, "2048 MB"),
    ],
)
def test_a_size_is_shown_in_the_units_of_aws_limits(size: int, shown: str) -> None:
    assert shown_size(size) == shown


def test_the_code_stands_behind_the_next_step_and_before_the_lines_of_a_program() -> None:
    error = BiotError("it failed", "BIOT-9001", advice="try again")
    assert (str(error), error.text) == (
        "it failed. What to do: try again [BIOT-9001]",
        "it failed. What to do: try again",
    )
    assert coded("it failed; its last lines:\nno such file", "BIOT-3110").splitlines() == [
        "it failed; its last lines: [BIOT-3110]",
        "no such file",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "BIOT-5010",
        "biot-5010",
        "5010",
        "error: create plugin 'hello': ... or set adopt=True to take it over [BIOT-5010]",
        "create plugin 'hello': a plugin of that name exists already and carries no stamp; it was created at noon",
        "A plugin of that name",
    ],
)
def test_a_message_is_found_by_its_code_and_by_its_text(query: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [message.code for message in find(query)] == ["BIOT-5010"]
    assert main(["explain", query]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("BIOT-5010: Lifecycle and ownership\n")
    assert "adopt=True" in shown


def test_what_there_is_no_message_of_is_one_line_with_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "BIOT-0815"]) == 1
    assert capsys.readouterr().err.rstrip().endswith("[BIOT-8090]")


def test_without_a_query_each_message_is_a_line_and_in_json_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert [line[:9] for line in capsys.readouterr().out.splitlines()] == [*catalogue()]
    assert main(["explain", "--json"]) == 0
    assert [json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()] == [*catalogue()]
