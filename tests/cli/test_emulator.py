"""`biot-provider emulator`: its output, its service, its end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from biot_provider.cli import main
from biot_provider.emulator import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "biot_provider.cli", "emulator"]


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command, once it serves, and the variables that it prints."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first, second, third, fourth = (process.stdout.readline() for _ in range(4))
        word, *pairs = second.split()
        assert word == "export", process.communicate(timeout=120)
        exports = dict(pair.split("=", 1) for pair in pairs)
        assert set(exports) == {"BIOT_BASE_URL", "BIOT_SERVICE_ID", "BIOT_SERVICE_SECRET_KEY"}
        assert exports["BIOT_BASE_URL"] in first
        key = Path(third.rpartition(" ")[2].strip())
        assert (folder / key).read_text()
        assert fourth.startswith(f"Its console is at {exports['BIOT_BASE_URL']}/#key=")
        yield process, exports
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def deploy(folder: Path, code: str) -> None:
    """Put the plugin `talker` onto the platform of a folder."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", code)
    runtime = f"python3.{sys.version_info.minor}"
    config = {"name": "talker", "displayName": "Talker", "version": 1, "runtime": runtime, "timeout": 60}
    with Platform(folder) as platform:
        platform.plugins.create(config, content.getvalue(), "http://embedded.invalid")


def endpoint(exports: dict[str, str]) -> str:
    headers = {"Authorization": f"Bearer {log_in(exports).json()['accessToken']}"}
    answer = httpx.get(f"{exports['BIOT_BASE_URL']}/settings/v2/plugins/Plugin-talker", headers=headers, timeout=60)
    return str(answer.json()["endpointUrl"])


def call_in_vain(url: str) -> None:
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(url, timeout=30)


def log_in(exports: dict[str, str]) -> httpx.Response:
    body = {"id": exports["BIOT_SERVICE_ID"], "secretKey": exports["BIOT_SERVICE_SECRET_KEY"]}
    return httpx.post(f"{exports['BIOT_BASE_URL']}/ums/v2/services/accessToken", json=body, timeout=60)


def ended(process: subprocess.Popen[str], how: signal.Signals) -> tuple[int, str, str]:
    process.send_signal(how)
    output, problems = process.communicate(timeout=120)
    return process.returncode, output, problems


def test_ctrl_c_ends_it_even_while_a_client_is_connected(tmp_path: Path) -> None:
    with (
        started(tmp_path, "--port", "0") as (process, exports),
        httpx.Client(base_url=exports["BIOT_BASE_URL"], timeout=60) as http,
    ):
        assert exports["BIOT_BASE_URL"].startswith("http://127.0.0.1:")
        assert http.get("/settings/v1/system/properties").status_code == 200
        assert ended(process, signal.SIGINT) == (130, "", "")
    assert (tmp_path / ".biot" / "emulator" / "platform.sqlite").exists()


def test_open_leads_a_browser_to_the_console_by_a_file_that_only_its_owner_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.part && mv {seen}.part {seen}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    with started(tmp_path, "--port", "0", "--open") as (process, exports):
        deadline = time.monotonic() + 120
        while not seen.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        file = Path(unquote(urlsplit(seen.read_text()).path))
        assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("console.html", 0o600)
        address = file.read_text().partition("url=")[2].partition('"')[0]
        key = {"X-Emulator-Key": address.removeprefix(f"{exports['BIOT_BASE_URL']}/#key=")}
        assert (
            httpx.get(f"{exports['BIOT_BASE_URL']}/_emulator/console/state", headers=key, timeout=60).status_code == 200
        )
        assert key["X-Emulator-Key"] not in seen.read_text()
        assert ended(process, signal.SIGINT) == (130, "", "")


def test_open_is_quiet_where_there_is_no_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with started(tmp_path, "--port", "0", "--open") as (process, _):
        assert ended(process, signal.SIGINT) == (130, "", "")
    assert not (tmp_path / ".biot" / "emulator" / "console.html").exists()


def test_its_data_outlives_it(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        with started(tmp_path, "--port", "0", "--data", "mine") as (process, exports):
            seen.append(exports["BIOT_SERVICE_SECRET_KEY"])
            assert log_in(exports).status_code == 200
            assert ended(process, signal.SIGTERM) == (0, "", "")
    assert seen[0] == seen[1]
    assert (tmp_path / "mine" / "platform.sqlite").exists()


STEERS = "def handler(event, context): print('\\x1b]52;c;ZXZpbA==\\x07\\rgone \\u202e \\x9b1m')\n"


@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_it_prints_what_functions_write_without_control_characters_and_how_their_calls_end(
    options: list[str], tmp_path: Path
) -> None:
    deploy(tmp_path / "data", STEERS)
    with started(tmp_path, "--port", "0", "--data", "data", *options) as (process, exports):
        assert httpx.get(endpoint(exports), timeout=60).status_code == 200
        code, output, problems = ended(process, signal.SIGTERM)
    assert (code, problems) == (0, "")
    if options:
        assert output == ""
    else:
        first, second = output.splitlines()
        assert first == r"talker | \u001b]52;c;ZXZpbA==\u0007\rgone \u202e \u009b1m"
        assert second.startswith("talker: GET /: answered in ")


STUCK = "import os, time\ndef handler(event, context):\n    print(os.getpid())\n    time.sleep(60)\n"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_functions_end_with_it_however_it_ends(how: signal.Signals, tmp_path: Path) -> None:
    deploy(tmp_path / "data", STUCK)
    with started(tmp_path, "--port", "0", "--data", "data") as (process, exports):
        thread = threading.Thread(target=call_in_vain, args=(endpoint(exports),))
        thread.start()
        assert process.stdout is not None
        function = int(process.stdout.readline().partition(" | ")[2])
        os.kill(function, 0)
        code, _, problems = ended(process, how)
        thread.join(120)
    assert (code, problems) == ({signal.SIGINT: 130, signal.SIGTERM: 0, signal.SIGKILL: -9}[how], "")
    deadline = time.monotonic() + 120
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(function, 0)
            time.sleep(0.02)


def test_a_port_in_use_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["emulator", "--port", port, "--data", str(tmp_path)]) == 1
    output, problems = capsys.readouterr()
    assert output == ""
    assert problems == f"biot-provider: cannot serve on 127.0.0.1:{port}: Address already in use [BIOT-8040]\n"


def test_a_folder_that_is_a_file_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "data"
    file.write_text("")
    assert main(["emulator", "--port", "0", "--data", str(file)]) == 1
    _, problems = capsys.readouterr()
    assert problems == f"biot-provider: cannot serve the data in {file}: File exists [BIOT-8040]\n"


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_a_usage_error(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["emulator", "--port", port])
    assert raised.value.code == 2
    assert "0 to 65535" in capsys.readouterr().err


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == 0
    assert "emulator" in capsys.readouterr().out


def test_a_program_reads_the_address_and_what_the_functions_write(tmp_path: Path) -> None:
    deploy(tmp_path, "def handler(event, context):\n    print('hello')\n")
    command = [*COMMAND, "--port", "0", "--data", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            shown = json.loads(process.stdout.readline())
            names = ("baseUrl", "serviceId", "serviceSecretKey")
            variables = ("BIOT_BASE_URL", "BIOT_SERVICE_ID", "BIOT_SERVICE_SECRET_KEY")
            call_in_vain(endpoint({variable: shown[name] for variable, name in zip(variables, names, strict=True)}))
            assert shown["console"].startswith(f"{shown['baseUrl']}/#key=")
            assert Path(shown["controlKeyFile"]).is_file()
            lines = iter(process.stdout.readline, "")
            said = next(line for line in map(json.loads, lines) if line["kind"] == "plugin")
            assert said == {"plugin": "talker", "kind": "plugin", "line": "hello"}
        finally:
            process.kill()
