"""Functions made from one file, and how their calls fail."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from biot_provider.emulator.functions.runtime import (
    Function,
    FunctionSettings,
    Invocation,
)

PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
NODE = "nodejs22.x"

Start = Callable[..., Function]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Makes a function from one file; the language follows from the file's name."""
    with contextlib.ExitStack() as closing:

        def make(code: str, file: str = "index.py", **settings: object) -> Function:
            folder = tmp_path / "code"
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(code)
            init = {"init_seconds": settings.pop("init_seconds")} if "init_seconds" in settings else {}
            given = {
                "name": "guard",
                "runtime": PYTHON if file.endswith(".py") else NODE,
                "handler": "index.handler",
                "timeout": 60,
                "memory_size": 128,
                "variables": {},
                **settings,
            }
            return closing.enter_context(Function(folder, FunctionSettings(**given), **init))  # type: ignore[arg-type]

        yield make


def failed(call: Invocation) -> tuple[str | None, str]:
    """Kind and text of a failure, which is one line."""
    assert call.answer is None
    assert call.error is not None
    assert "\n" not in call.error
    return call.error_type, call.error
