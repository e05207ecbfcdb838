"""The programs that tests run are installed on request, and else listed with the tests that run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
NEEDED = """
import os, sys
sys.path.insert(0, {tools!r})
import test_servers
os.geteuid = lambda: {user}
test_servers.PROGRAMS = {{{program!r}: ("some-package", ["tests/a.py", "tests/b.py"])}}
sys.argv = ["test_servers.py", {option!r}]
sys.exit(test_servers.main())
"""


def ensure(program: str, path: str, user: int = 0, option: str = "--install") -> subprocess.CompletedProcess[str]:
    """Make sure of one program with this PATH, as this user."""
    code = NEEDED.format(tools=str(TOOLS), program=program, user=user, option=option)
    command = [sys.executable, "-B", "-c", code]
    return subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120)


@pytest.fixture
def apt(tmp_path: Path) -> str:
    """A PATH with an apt-get that fails, and without sudo."""
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho canary: $*\nexit 1\n")
    (tmp_path / "apt-get").chmod(0o755)
    return str(tmp_path)


def test_where_all_is_there_nothing_is_said_or_done() -> None:
    done = ensure("sh", os.environ["PATH"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("program", ["sh", "some-program"])
def test_a_check_installs_nothing_and_names_the_tests_that_need_what_is_missing(program: str, apt: str) -> None:
    done = ensure(program, f"{apt}{os.pathsep}{os.environ['PATH']}", option="--check")
    *missing, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (0, "")
    assert last == "test servers: tests marked needs_builders run in `make test-all`, which installs what they run"
    named = "no some-program (Debian's package some-package); tests that run it: tests/a.py, tests/b.py"
    assert missing == ([f"test servers: {named}"] if program == "some-program" else [])


def test_without_apt_what_is_missing_is_named_with_debians_package(tmp_path: Path) -> None:
    done = ensure("some-program", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "test servers: some-program must be installed (on Debian the packages some-package)\n"


def test_without_the_right_to_install_the_command_is_printed(apt: str) -> None:
    done = ensure("some-program", apt, user=1000)
    assert done.returncode == 1
    assert done.stderr == (
        "test servers: some-program missing, and only root may install them: run `sudo apt-get update && "
        "sudo apt-get install --yes --quiet --no-install-recommends --no-remove some-package`\n"
    )


def test_a_failed_installation_shows_what_apt_said_and_ends_with_what_to_run(apt: str) -> None:
    done = ensure("some-program", apt)
    assert done.returncode == 1
    first, *said, last = done.stderr.splitlines()
    assert first == "installing what the tests run: some-package ..."
    assert said == ["canary: update --quiet"]
    assert last.startswith("test servers: `apt-get update --quiet` failed, see above; run `sudo apt-get update && ")
