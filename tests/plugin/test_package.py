"""What the check of a plugin says of a new package, and does not say again of a deployed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from biot_provider.errors import Notice
from biot_provider.plugin.check import code_digests


def test_a_new_package_is_warned_of_and_a_deployed_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("def handler(event, context): ...\n")
    (tmp_path / ".env").write_text("PASSWORD=canary\n")
    (tmp_path / "requirements.txt").write_text("idna==3.10\n")
    (tmp_path / ".biotignore").write_bytes("tests/\r\n".encode("utf-16"))
    values = {"code": str(tmp_path), "runtime": "python3.13", "handler": "index.handler"}
    notices: list[Notice] = []

    digests, problems = code_digests(values, {}, notices.append)
    assert problems == []
    assert [notice.message_code for notice in notices] == ["BIOT-3024", "BIOT-3023", "BIOT-3146"]

    again: list[Notice] = []
    assert code_digests(values, {**values, **digests}, again.append) == (digests, [])
    assert again == []


@pytest.mark.parametrize(("runtime", "lock"), [("nodejs22.x", "package-lock.json"), ("python3.13", "uv.lock")])
def test_a_lock_file_with_the_marks_of_a_merge_is_one_line(tmp_path: Path, runtime: str, lock: str) -> None:
    for name, text in {"package.json": "{}", "pyproject.toml": "", lock: "<<<<<<< HEAD\n"}.items():
        (tmp_path / name).write_text(text)
    values = {"code": str(tmp_path), "runtime": runtime, "handler": "index.handler", "build": "auto"}
    _, (problem,) = code_digests(values, {}, lambda _notice: None)
    assert problem.text.startswith(f"{tmp_path}: {lock} is no lock file of ")
    assert problem.code == "BIOT-3107"
