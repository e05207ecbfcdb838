"""One `pulumi up`, its preview included, opens each file of a plugin once and compresses the package once."""

from __future__ import annotations

import collections
from pathlib import Path

import pytest

from tests.engine.conftest import Project

# Every process of the run reports what it opens: Python's own audit events, before anything is imported.
WATCH = """\
import os, sys

def note(event, arguments):
    path = arguments[0] if event == "open" else None
    if isinstance(path, str) and path.startswith(os.environ["WATCHED"]):
        log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, (path + "\\n").encode())
        os.close(log)

sys.addaudithook(note)
"""
FILES = {f"lib/part{number}.js": f"module.exports = {number}\n" for number in range(20)}


@pytest.fixture
def opened(project: Project) -> Path:
    """The log of what is opened below the project's plugins, a line for each time."""
    log = project.folder / "opened"
    (project.folder / "watch").mkdir()
    (project.folder / "watch/sitecustomize.py").write_text(WATCH)
    project.environment = project.environment | {
        "PYTHONPATH": str(project.folder / "watch"),
        "WATCHED": f"{project.root / 'plugins'}/",
        "WATCH_LOG": str(log),
        "BIOT_CACHE_DIR": str(project.folder / "cache"),
    }
    return log


def times(opened: Path) -> dict[str, int]:
    """How often each file was opened since the last look."""
    lines = opened.read_text().splitlines() if opened.exists() else []
    opened.unlink(missing_ok=True)
    return dict(collections.Counter(line.rpartition("/plugins/hello/")[2] for line in lines))


def test_each_file_is_opened_once_in_an_up_and_not_at_all_where_nothing_changed(project: Project, opened: Path) -> None:
    for path, text in FILES.items():
        project.file(f"plugins/hello/{path}", text)
    project.declare({"hello": {"code": "plugins/hello"}})
    once = dict.fromkeys(["index.js", *FILES], 1)

    project.pulumi("up", "--yes").succeeded()
    assert times(opened) == once
    kept = list((project.folder / "cache/zipped").iterdir())
    assert [path.read_bytes() for path in kept] == [project.platform.code("hello")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (project.folder / "cache").rglob("*"))

    assert project.preview().succeeded().unchanged
    assert times(opened) == {}
