"""The notes that the provider processes of a run share: what others put in their file's place does no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from biot_provider.lifecycle.run_notes import RunNotes

NOTE = {"name": "hello"}


@pytest.fixture
def other() -> Iterator[int]:
    """The id of another process, which lives."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid


def test_a_note_is_read_by_other_processes_while_its_writer_lives(tmp_path: Path, other: int) -> None:
    file = tmp_path / "notes"
    RunNotes(file).add(NOTE)
    assert [*RunNotes(file).of_others()] == []  # its own
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(file.read_text().replace(str(os.getpid()), str(other)))
    assert [*RunNotes(file).of_others()] == [{"pid": other, **NOTE}]
    file.write_text(json.dumps({"pid": 2**22 + 1, **NOTE}))
    assert [*RunNotes(file).of_others()] == []


def test_garbage_is_passed_over(tmp_path: Path, other: int) -> None:
    file = tmp_path / "notes"
    good = json.dumps({"pid": other, **NOTE})
    bad = ["", "{", "[]", "null", "7", "{}", '{"pid": null}', '{"pid": 1e400}', '{"pid": 1' + "0" * 40 + "}"]
    file.write_bytes("\n".join([*bad, "[" * 100_000, good]).encode() + b"\n\xff\xfe\n")
    assert [*RunNotes(file).of_others()] == [json.loads(good)]


def test_a_link_and_a_pipe_in_its_place_are_left_alone(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_text("untouched")
    link.symlink_to(target)
    os.mkfifo(pipe)
    for file in (link, pipe):  # neither may wait for somebody
        RunNotes(file).add(NOTE)
        assert [*RunNotes(file).of_others()] == []
    assert target.read_text() == "untouched"


def test_without_a_folder_for_temporary_files_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setattr(sys, "argv", ["pulumi-resource-biot", "127.0.0.1:40000"])
    notes = RunNotes.of_this_run("plugins")
    notes.add(NOTE)
    assert [*notes.of_others()] == []


def test_the_notes_of_runs_that_are_long_over_are_removed(tmp_path: Path) -> None:
    old, recent = (tmp_path / f"biot-provider-{os.getuid()}-{name}" for name in ("old", "recent"))
    old.write_text("")
    recent.write_text("")
    os.utime(old, (0, 0))
    RunNotes(tmp_path / f"biot-provider-{os.getuid()}-now").add(NOTE)
    assert sorted(path.name.rpartition("-")[2] for path in tmp_path.iterdir()) == ["now", "recent"]
