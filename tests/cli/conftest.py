"""A project in its own folder with a stand-in for the Pulumi CLI, terminals, and a plugin to invoke."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from biot_provider.cli import main
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
COMMAND = Path(sys.executable).with_name("biot-provider")

Made = Callable[..., Path]

# Responds to `version`, and to `config` with a file beside it; without that file `config` fails as Pulumi does.
PULUMI = """#!/bin/sh
case "$*" in
version) echo v3.259.0 ;;
"config --show-secrets --json --stack dev --non-interactive")
    [ -e "${0%/*}/config.json" ] && exec /bin/cat "${0%/*}/config.json"
    printf 'warning: something\\nerror: incorrect passphrase\\n' >&2
    exit 1 ;;
*) echo "error: unexpected $*" >&2; exit 1 ;;
esac
"""


class Terminal(Protocol):
    """Runs the command on a terminal of so many columns; returns its exit code, and the lines that stay."""

    def __call__(
        self, columns: int, *arguments: str, keeps_escapes: bool = False, **variables: str
    ) -> tuple[int, str]: ...


def on_a_terminal(columns: int, *arguments: str, keeps_escapes: bool = False, **variables: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm", **variables}
    with subprocess.Popen([COMMAND, *arguments], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux, where the other end is closed
            while part := os.read(ours, 65536):
                shown += part
    os.close(ours)
    text = shown.decode().replace("\r\n", "\n")
    if not keeps_escapes:
        text = re.sub(r"[^\n]*\r\033\[K", "", text)  # what was there before a line was erased
        text = re.sub(r"\033\[[0-9;]*m", "", text)
    return process.returncode, text


class Doctor:
    """`biot-provider doctor` in a project of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder / "project"
        self.bin = folder / "bin"
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith(("BIOT_", "PULUMI_"))]:
            monkeypatch.delenv(name)
        self.file("Pulumi.yaml", "name: shop\nruntime: python\nstackConfigDir: stacks\n")
        self.file("__main__.py")
        self.file("plugins/hello/plugin.yaml", "displayName: Hello\n")
        self.stack({})
        self.bin.mkdir()
        for command in ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python"):
            self.command(command)
        self.command("buildah", "#!/bin/sh\n")
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.chdir(self.folder)

    def file(self, path: str, text: str = "") -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def stack(self, config: Any) -> None:
        """Write the configuration of the stack `dev`."""
        self.file("stacks/Pulumi.dev.yaml", yaml.safe_dump({"config": config}))

    def command(self, name: str, text: str = PULUMI) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def environment(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def as_user(self, base_url: str, user: tuple[str, str]) -> None:
        """Take this address and this service user from the environment."""
        self.environment(BIOT_BASE_URL=base_url, BIOT_SERVICE_ID=user[0], BIOT_SERVICE_SECRET_KEY=user[1])

    def text(self, *arguments: str) -> tuple[int, str]:
        """The exit code, and everything printed."""
        code = main(["doctor", *arguments])
        output, problems = self._capsys.readouterr()
        assert problems == ""
        return code, output

    def run(self, *arguments: str) -> Findings:
        code, output = self.text("--json", *arguments)
        return Findings(code, [json.loads(line) for line in output.splitlines()])


class Findings:
    """The result of each check of one run."""

    def __init__(self, code: int, findings: list[dict[str, str]]) -> None:
        self.findings = {finding["check"]: (finding["state"], finding["text"]) for finding in findings}
        assert len(self.findings) == len(findings)
        assert code == (1 if {state for state, _ in self.findings.values()} - {"ok", "note"} else 0)

    def texts(self, state: str) -> dict[str, str]:
        return {check: text for check, (found, text) in self.findings.items() if found == state}

    @property
    def problems(self) -> dict[str, str]:
        return self.texts("problem")

    @property
    def problem(self) -> tuple[str, str]:
        """The check and the text of the only problem."""
        (problem,) = self.problems.items()
        return problem


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(tmp_path, monkeypatch, capsys)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return on_a_terminal


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(tmp_path / "data") as platform:
        yield platform


@pytest.fixture
def served(doctor: Doctor, platform: Platform, tmp_path: Path) -> Iterator[str]:
    """The platform on a port, and the environment that leads to it with every permission."""
    with running(tmp_path / "data") as base_url:
        doctor.as_user(base_url, (platform.service_id, platform.service_secret_key))
        yield base_url


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Makes a Python plugin of some code, with a plugin.yaml of these members."""

    def make(code: str, **manifest: Any) -> Path:
        folder = tmp_path / "trial"
        folder.mkdir(exist_ok=True)
        (folder / "index.py").write_text(code)
        (folder / "plugin.yaml").write_text(json.dumps({"runtime": RUNTIME, **manifest}))
        return folder

    return make
