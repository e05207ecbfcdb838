"""The program that an import prints is one that Python reads."""

from __future__ import annotations

import ast

from biot_provider.cli.takeover.program_text import _call


def test_a_number_sign_in_a_value_is_no_comment() -> None:
    given = {"display_name": "Ward  # 7", "description": "x" * 120, "timeout": 3}
    (statement,) = ast.parse(_call("biot.Plugin", "guard", given)).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert {word.arg: ast.literal_eval(word.value) for word in statement.value.keywords} == given
