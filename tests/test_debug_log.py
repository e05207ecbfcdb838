"""``BIOT_LOG=debug``: every request and its answer, and no secret."""

from __future__ import annotations

import io
import json
import re
import secrets
import zipfile
from pathlib import Path
from typing import Any

import pytest

from biot_provider.client import Client
from biot_provider.config import Settings
from biot_provider.debug_log import DebugLog
from biot_provider.emulator import Platform
from biot_provider.emulator.server import running
from biot_provider.errors import BiotError
from biot_provider.transport import open_transport

CONFIG = {"name": "guard", "displayName": "Guard", "version": 1, "runtime": "python3.13", "handler": "index.handler"}


def zipped() -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("index.py", "x = 1")
    target.seek(0)
    return target


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    assert DebugLog.configured({"BIOT_LOG": "info"}) is None
    assert DebugLog.configured({}) is None


def test_each_request_is_there_with_its_time_and_trace_and_no_secret_is(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "debug.log"
    log = DebugLog.configured({"BIOT_LOG": "debug", "BIOT_LOG_FILE": str(file)})
    canaries = [secrets.token_hex(8) for _ in range(3)]
    with Platform(tmp_path / "data") as platform, running(tmp_path / "data") as base_url:
        settings = Settings(base_url, platform.service_id, platform.service_secret_key)
        client = Client(settings, open_transport(settings), log=log)
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
        token = client._login.token()
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
    assert "broke" in entries[-1]["error"]
    for entry in entries:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", entry["traceparent"])
        assert entry["seconds"] >= 0
    assert {entry["traceparent"] for entry in entries} <= set(traces)
    assert file.stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = DebugLog(tmp_path / "file" / "debug.log")
    with Platform(tmp_path / "data") as platform, running(tmp_path / "data") as base_url:
        settings = Settings(base_url, platform.service_id, platform.service_secret_key)
        client = Client(settings, open_transport(settings), log=log)
        assert client.create_plugin(CONFIG).version == 1
        client.close()
