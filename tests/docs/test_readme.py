"""What README.md shows of `make up`, held against a run of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from .blocks import ROOT, blocks_of

README = ROOT / "README.md"


def form(line: str) -> str:
    """The line without what differs from run to run: numbers, times, ids."""
    return re.sub(
        r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>", re.sub(r"\d+(\.\d+)?s\b", "<time>", line)
    ).strip()


def test_it_has_a_program_two_commands_and_what_they_print() -> None:
    blocks = list(blocks_of(README))
    assert [block.language for block in blocks] == ["python", "sh", "text"]
    program, commands, printed = (block.text.splitlines() for block in blocks)
    assert len(program) <= 8
    assert [line.split("#")[0].strip() for line in commands] == ["make up", "make test"]
    assert len(printed) == 10
    assert README.read_text("utf-8").count("![") <= 3


def test_each_line_that_it_shows_is_printed(pulumi_environment: dict[str, str], tmp_path: Path) -> None:
    for name in ("plugins", "stacks", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "engine"))
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    local = {"PULUMI_BACKEND_URL": f"file://{tmp_path}/.pulumi/state"}
    ran = subprocess.run(
        ["tools/up_local"], cwd=tmp_path, env=pulumi_environment | local, capture_output=True, text=True, timeout=180
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = {form(line) for line in ran.stdout.splitlines()}
    (shown,) = [block.text for block in blocks_of(README) if block.language == "text"]
    assert [line for line in shown.splitlines() if form(line) not in printed] == [], ran.stdout
