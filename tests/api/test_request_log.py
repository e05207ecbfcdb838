"""``BIOT_LOG=debug``: every request and its answer, and no secret."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import zipfile
from pathlib import Path
from typing import Any

import pytest

from biot_provider.api.client import Client
from biot_provider.api.embedded import open_embedded
from biot_provider.api.request_log import DebugLog
from biot_provider.api.session import Session
from biot_provider.api.transport import open_transport
from biot_provider.config import Settings
from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running
from biot_provider.errors import BiotError

from ..uncoded import uncoded

CONFIG = {"name": "guard", "displayName": "Guard", "version": 1, "runtime": "python3.13", "handler": "index.handler"}


def zipped() -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("index.py", "x = 1")
    target.seek(0)
    return target


def test_it_is_off_by_default(tmp_path: Path) -> None:
    assert DebugLog.configured({"BIOT_LOG": "info"}) is None
    assert DebugLog.configured({}) is None


def test_each_request_is_there_with_its_time_and_trace_and_no_secret_is(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "debug.log"
    log = DebugLog.configured({"BIOT_LOG": "debug", "BIOT_LOG_FILE": str(file)})
    canaries = [secrets.token_hex(8) for _ in range(3)]
    with Platform(tmp_path / "data") as platform, running(tmp_path / "data") as base_url:
        settings = Settings(base_url, platform.service_id, platform.service_secret_key)
        client = Client(Session(settings, open_transport(settings), log=log))
        client.create_plugin(CONFIG | {"environmentVariables": {"TOKEN_A": canaries[0]}}, zipped())
        system = platform.plugins.get("Plugin-guard")["environmentVariables"]["BIOT_SERVICE_USER_SECRET_KEY"]
        client.get_plugin("guard")
        for body in (f"dump {canaries[1]}", json.dumps({"code": "BAD", "message": f"bad {canaries[1]}"})):
            platform.faults.add(status=500, body=body, method="PATCH")
            with pytest.raises(BiotError):
                client.update_plugin("guard", {"environmentVariables": {"TOKEN_A": canaries[1]}})
        platform.faults.add("reset", method="DELETE", times=None)
        with pytest.raises(BiotError):
            client.delete_plugin("guard")
        client.close()
        token = client._session.auth.token()
        traces = [entry["traceparent"] for entry in platform.requests()]

    text = file.read_text()
    for secret in (*canaries[:2], system, token, platform.service_secret_key):
        assert secret not in text
    entries: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert [(entry["method"], entry.get("status")) for entry in entries] == [
        ("POST", 200),
        ("POST", 201),
        ("GET", 200),
        ("PATCH", 500),
        ("PATCH", 500),
        ("DELETE", None),
    ]
    assert entries[1]["sent"]["config"]["environmentVariables"] == {"TOKEN_A": "[secret]"}
    assert entries[1]["sent"]["code"]["bytes"] > 100
    assert entries[1]["answer"]["displayName"] == "Guard"
    assert entries[-1]["error"].startswith(("ReadError: ", "RemoteProtocolError: "))
    for entry in entries:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", entry["traceparent"])
        assert entry["seconds"] >= 0
    assert {entry["traceparent"] for entry in entries} <= set(traces)
    assert file.stat().st_mode & 0o077 == 0


def spoiled(tmp_path: Path, how: str) -> Path:
    if how == "a file for a folder":
        (tmp_path / "file").write_text("")
        return tmp_path / "file" / "debug.log"
    if how == "a folder for the file":
        (tmp_path / "debug.log").mkdir()
    if how == "a pipe that nobody reads":
        os.mkfifo(tmp_path / "debug.log")
    if how == "no path":
        return Path("nul\0byte")
    if how == "a name too long":
        return tmp_path / ("x" * 300)
    return Path("/dev/full") if how == "a full disk" else tmp_path / "debug.log"


@pytest.mark.parametrize(
    "how",
    [
        *("a file for a folder", "a folder for the file", "a pipe that nobody reads", "no path", "a name too long"),
        "a full disk",
    ],
)
def test_a_log_that_cannot_be_written_is_one_line_and_stops_nothing(
    tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    transport, settings = open_embedded(tmp_path / "data")
    client = Client(Session(settings, transport, log=DebugLog(spoiled(tmp_path, how))))
    assert client.create_plugin(CONFIG).version == 1
    client.delete_plugin("guard")
    client.close()
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("warning: the debug log ")
    assert "cannot be written (" in line
    assert uncoded(line).endswith("name another file in BIOT_LOG_FILE")


def note(file: Path, **given: Any) -> str:
    entry = {"sent": {}, "status": 200, "response": b"", "error": None, "secrets": [], **given}
    DebugLog(file).write(method="GET", url="https://x", seconds=0, traceparent="t", **entry)
    return file.read_text()


def test_a_secret_is_in_no_part_of_an_entry_however_it_is_cut(tmp_path: Path) -> None:
    secret = secrets.token_hex(20)
    text = note(
        tmp_path / "log",
        sent={"json": {"note": secret[:12], secret: [f"x{secret[4:30]}"], "deep": {"of": json.dumps([secret])}}},
        response=json.dumps({"message": f"bad {secret[:9]}...", "number": 12345678, "fine": 5, "none": None}).encode(),
        error=f"broke at {secret[8:]}",
        secrets=[secret, "12345678"],
    )
    assert not any(secret[at : at + 8] in text for at in range(len(secret) - 7))
    entry = json.loads(text)
    assert entry["answer"] == {"message": "bad [secret]...", "number": "[secret]", "fine": 5, "none": None}


def test_a_page_is_cut_and_what_is_no_character_is_written_all_the_same(tmp_path: Path) -> None:
    secret = secrets.token_hex(40)
    page = ("x" * 1990 + secret).encode()
    assert secret[:8] not in note(tmp_path / "page", response=page, secrets=[secret])
    assert "ud800" in note(tmp_path / "surrogate", sent={"json": {"name": "\ud800"}})


def test_a_key_in_the_query_of_an_endpoint_is_not_logged(tmp_path: Path) -> None:
    key = secrets.token_hex(12)
    endpoint = f"https://hooks.example.com/in?code={key}"
    file = tmp_path / "debug.log"
    log = DebugLog.configured({"BIOT_LOG": "debug", "BIOT_LOG_FILE": str(file)})
    with Platform(tmp_path / "data") as platform, running(tmp_path / "data") as base_url:
        settings = Settings(base_url, platform.service_id, platform.service_secret_key)
        client = Client(Session(settings, open_transport(settings), log=log))
        body = {"entityTypeName": "patient", "actionName": "_create", "endpoint": endpoint}
        client.subscribe_notification(body)
        assert [row.endpoint for row in client.search_notifications({"endpoint": {"eq": endpoint}})] == [endpoint]
        for fault in ({"details": {"endpoint": endpoint}}, {"details": {"given": key}}, {"message": endpoint[:-4]}):
            platform.faults.add(status=400, json={"code": "BAD", **fault}, method="POST", path="unsubscribe")
            with pytest.raises(BiotError) as raised:
                client.unsubscribe_notification(body)
            assert str(raised.value).startswith("unsubscribe 'https://hooks.example.com/in' from")
            assert key[:8] not in str(raised.value)
        client.close()
    assert key not in file.read_text()
