"""The Python of the pages, by mypy as strictly as the package's own; a plugin's own code by its syntax."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from .blocks import ROOT, Block, in_language

PRELUDE = """\
import json
import os
import pathlib

import pulumi

import biot_provider as biot

config = pulumi.Config()
"""
"""What a fragment of a program stands below, as its page says; a program of its own has its own imports."""


def module(block: Block) -> str:
    own = "" if re.search(r"^import biot_provider as biot$", block.text, re.MULTILINE) else PRELUDE
    return f"{own}{block.given}\n{block.text}"


def is_of_a_plugin(block: Block) -> bool:
    """Whether its first line says that it is a file of a plugin, which AWS Lambda runs and need not have types."""
    return block.text.startswith("# plugins/")


def test_the_code_of_plugins_is_valid() -> None:
    for block in filter(is_of_a_plugin, in_language("python")):
        compile(block.text, block.place, "exec")


def test_every_block_is_well_typed(tmp_path: Path) -> None:
    programs = [block for block in in_language("python") if not is_of_a_plugin(block)]
    blocks = {f"block_{number}": block for number, block in enumerate(programs)}
    assert len(blocks) > 10
    for name, block in blocks.items():
        (tmp_path / f"{name}.py").write_text(module(block), "utf-8")
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            "--no-error-summary",
            str(tmp_path),
        ],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT / "biot_provider" / "starters" / "python")},
        capture_output=True,
        text=True,
    )
    problems = checked.stdout + checked.stderr
    for name, block in blocks.items():
        offset = block.line - module(block).removesuffix(block.text).count("\n")
        page = block.page.relative_to(ROOT).as_posix()
        problems = re.sub(rf"\S*\b{name}\.py:(\d+)", lambda at, o=offset, p=page: f"{p}:{int(at[1]) + o}", problems)  # type: ignore[misc]
    assert checked.returncode == 0, problems
