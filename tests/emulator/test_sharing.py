"""One database, several processes: what they write at once, and what survives them."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biot_provider.emulator import Platform, schema
from biot_provider.emulator.database import Store, StoreError
from biot_provider.emulator.subscriptions import subscribers

WRITER = """
import json, sys, httpx
from pathlib import Path
from biot_provider.emulator import Platform

folder, who = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
platform = Platform(folder)
http = httpx.Client(transport=httpx.WSGITransport(platform.app), base_url="http://embedded.invalid")
body = {"id": platform.service_id, "secretKey": platform.service_secret_key}
http.headers["Authorization"] = "Bearer " + http.post("/ums/v2/services/accessToken", json=body).json()["accessToken"]

def send(method, path, **config):
    files = {"config": (None, json.dumps({"displayName": who, **config}))}
    return http.request(method, "/settings/v2/plugins" + path, files=files).status_code

contested = [send("POST", "", name=f"contested-{n}", version=1) for n in range(6)]
own = [send("POST", "", name=f"{who}-{n}", version=1) for n in range(6)]
changed = [send("PATCH", "/Plugin-contested-0", timeout=n + 1) for n in range(6)]
print(json.dumps([contested, own, changed, platform.service_id, platform.service_secret_key]))
platform.close()
"""


def test_processes_that_open_a_new_database_at_once_write_as_one(
    tmp_path: Path, script: Callable[..., list[str]]
) -> None:
    folder = tmp_path / "data"
    names = ("ann", "bob", "cyd")
    writers = [
        subprocess.Popen(
            script(WRITER, folder, name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    results = []
    for writer in writers:
        output, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        results.append(json.loads(output))
    for statuses in zip(*(result[0] for result in results), strict=True):
        assert sorted(statuses) == [201, 409, 409]
    for result in results:
        assert result[1] == [201] * 6
        assert result[2] == [200] * 6
    assert len({tuple(result[3:]) for result in results}) == 1
    with Platform(folder) as platform:
        assert platform.plugins.search({})["metadata"]["page"]["totalResults"] == 6 + len(names) * 6
        assert (platform.service_id, platform.service_secret_key) == tuple(results[0][3:])


def test_who_opens_a_new_database_at_once_gets_the_same_service_user(tmp_path: Path) -> None:
    users = []

    def open_it() -> None:
        with Platform(tmp_path) as platform:
            users.append((platform.service_id, platform.service_secret_key))

    store = Store(tmp_path / "platform.sqlite")
    threads = [threading.Thread(target=open_it) for _ in range(4)]
    with store.writing():
        for thread in threads:
            thread.start()
        # Long enough for all of them to see that there is no service user, and to wait for the lock.
        time.sleep(0.3)
    for thread in threads:
        thread.join()
    store.close()
    assert len(users) == 4
    assert len(set(users)) == 1


def test_threads_share_a_platform(inside: Any) -> None:
    statuses: list[int] = []

    def work(who: int) -> None:
        for number in range(10):
            statuses.append(inside.create(name=f"t{number}").status_code)
            statuses.append(inside.create(name=f"t{who}-{number}").status_code)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 70 + [409] * 50


def test_everything_survives_the_process(tmp_path: Path, inside: Any, zipped: Any) -> None:
    before = inside.created(code=zipped(), environmentVariables={"MODE": "strict"})
    credentials = (inside.platform.service_id, inside.platform.service_secret_key)
    token = inside.http.headers["Authorization"]
    inside.platform.close()
    with Platform(tmp_path / "data") as later:
        assert (later.service_id, later.service_secret_key) == credentials
        assert later.plugins.get("Plugin-guard") == before
        assert later.code("guard") == zipped()
        later._identity.require(token, "SETTINGS_PLUGIN_GET")


def test_two_platforms_do_not_know_each_other(tmp_path: Path) -> None:
    with Platform(tmp_path / "a") as one, Platform(tmp_path / "b") as two:
        assert one.service_id != two.service_id
        assert one.service_secret_key != two.service_secret_key
        assert len(one.service_secret_key) >= 32


def test_a_closed_platform_answers_nothing(inside: Any) -> None:
    inside.platform.close()
    with pytest.raises(StoreError, match="closed"):
        inside.get("guard")


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    Platform(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "platform.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="schema 99"):
        Platform(tmp_path)


DEVICES = "POST/device/v2/devices"
EARLIER = f"""
INSERT INTO service_users (id, secret_key, permissions, token_seconds) VALUES ('own', 'canary-own', '["OLD"]', 1800);
INSERT INTO service_users (id, secret_key, permissions, token_seconds, plugin)
    VALUES ('of-p', 'canary-of-p', '[]', 1800, 'p');
INSERT INTO facts VALUES ('built-in service user', 'own');
INSERT INTO plugins (name, record) VALUES ('p', '{{"name": "p", "enabledState": "ENABLED"}}');
INSERT INTO hooks VALUES ('p', 'PRE_REQUEST', '{DEVICES}', 4);
"""
"""What an earlier version may have left: its own service user, a plugin with one of its own, an interception."""


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_of_an_earlier_version_is_brought_up_to_date(
    tmp_path: Path, request: pytest.FixtureRequest, refused: Any, version: int
) -> None:
    (tmp_path / "data").mkdir()
    connection = sqlite3.connect(tmp_path / "data" / "platform.sqlite")
    connection.executescript("".join(schema.SCHEMAS[:version]) + EARLIER + f"PRAGMA user_version={version}")
    connection.close()
    call = request.getfixturevalue("inside")
    assert (call.platform.service_id, call.platform.service_secret_key) == ("own", "canary-own")
    assert call.http.get("/ums/v2/services/own").json()["secretKeys"][0]["id"], "it may do what came later too"
    with call.platform._store.reading() as db:
        (one,) = subscribers.interceptors(db, "PRE_REQUEST", DEVICES)
    assert (one.plugin, one.position) == ("p", 4)
    assert call.platform.add_user()
    call.log_in("of-p", "canary-of-p")
    refused(call.search({}), 403, "ACCESS_DENIED")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "platform.sqlite"
    file.write_text("something else entirely")
    with pytest.raises(StoreError, match="not a database"):
        Platform(tmp_path)
    assert file.read_text() == "something else entirely"


@pytest.mark.usefixtures("inside")
def test_nobody_else_reads_the_secrets(platform: Platform, tmp_path: Path) -> None:
    files = sorted((tmp_path / "data").iterdir())
    assert len(files) >= 1
    assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in files} == {0}


def loaded_by(code: str) -> set[str]:
    """The modules some code loads in a fresh process that has the package already."""
    script = f"import sys, biot_provider\nbefore = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=120)
    return set(done.stdout.split())


def test_opening_loads_no_web_parts(tmp_path: Path) -> None:
    code = "import pathlib\nfrom biot_provider.emulator import Platform\n"
    loaded = loaded_by(code + f"Platform(pathlib.Path({str(tmp_path)!r})).close()")
    assert "biot_provider.emulator.database" in loaded
    assert not loaded & {"werkzeug", "http.server", "biot_provider.emulator.http.application"}
