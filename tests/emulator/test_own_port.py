"""The ports of a platform in process: none to look at it, the API alone for functions, the registry for a push."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from biot_provider.emulator import Platform
from biot_provider.emulator import platform as platform_module

from ..stopwatch import Stopwatch

if TYPE_CHECKING:
    from .conftest import Caller

CALLBACK = """
import json, os, urllib.error, urllib.request

def handler(event, context):
    found = {}
    for path in event["paths"]:
        try:
            found[path] = urllib.request.urlopen(os.environ["BIOT_BASE_URL"] + path).status
        except urllib.error.HTTPError as error:
            found[path] = error.code
    return {"found": found, "address": os.environ["BIOT_BASE_URL"]}
"""


def listening() -> set[int]:
    """The ports that this process listens on."""
    sockets = psutil.Process().net_connections("tcp")
    return {socket.laddr.port for socket in sockets if socket.status == psutil.CONN_LISTEN}


def test_looking_at_a_platform_opens_no_port(inside: Caller, deploy: Any) -> None:
    before = listening()
    deploy("guard", CALLBACK)
    deploy("seed", None)
    inside.got("guard")
    inside.found()
    functions = inside.platform._functions
    guard, seed = functions.find("guard"), functions.find("seed")
    assert guard is not None
    assert seed is not None
    assert functions.find_by_id("nobody") is None
    functions.invoke(seed, {}, "call")
    assert inside.http.get("/_emulator/plugins/guard/code").status_code == 200
    assert inside.patched("guard", {"timeout": 7})["timeout"] == 7
    assert inside.delete("guard").status_code == 204
    assert listening() - before == set()  # a port that an earlier test left may be gone


def test_a_function_calls_back_on_a_port_that_serves_the_api_alone(
    inside: Caller, platform: Platform, deploy: Any
) -> None:
    before = listening()
    deploy("callback", CALLBACK)
    deployed = platform._functions.find("callback")
    assert deployed is not None
    paths = ["/settings/v1/system/properties", "/settings/v2/plugins", "/_emulator/switches", "/v2/", "/nothing"]
    call = platform._functions.invoke(deployed, {"paths": paths}, "call")
    assert call.error is None, call.logs
    assert list(call.answer["found"].values()) == [200, 401, 404, 404, 404]
    (port,) = listening() - before
    assert call.answer["address"] == f"http://127.0.0.1:{port}"
    # With the key neither: the routes are not there.
    key = {"X-Emulator-Key": platform.control_key}
    assert (
        httpx.get(f"http://127.0.0.1:{port}/_emulator/switches", headers=key, trust_env=False, timeout=60).status_code
        == 404
    )
    assert inside.http.get("/_emulator/switches").status_code == 200
    platform.close()
    assert port not in listening()


def test_the_registrys_port_serves_a_push_alone_and_closes_after_it(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform._registry_port, "_idle_seconds", 600)
    host = platform.registry_host
    port = int(host.rpartition(":")[2])
    with httpx.Client(base_url=f"http://{host}", trust_env=False, verify=False, timeout=60) as http:
        for path, status in (("/v2/", 401), ("/settings/v1/system/properties", 404), ("/_emulator/switches", 404)):
            assert http.get(path, headers={"X-Emulator-Key": platform.control_key}).status_code == status
        # A connection that is only kept is no call.
        monkeypatch.setattr(platform._registry_port._own, "_idle_seconds", 0.6)
        with Stopwatch() as stopwatch:
            while port in listening() and stopwatch.seconds < 5:
                time.sleep(0.05)
    assert port not in listening()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert platform.registry_host == host
    assert httpx.get(f"http://{host}/v2/", trust_env=False, timeout=60).status_code == 401
    assert platform_module.PUSH_SECONDS < 60


def test_a_port_that_ends_by_itself_is_the_same_one_afterwards(platform: Platform) -> None:
    host = platform.registry_host
    own = platform._registry_port._own
    assert own is not None
    # As where it has been idle for long enough, and its thread has not got further.
    own.stopping.set()
    assert platform.registry_host == host
    assert httpx.get(f"http://{host}/v2/", trust_env=False, timeout=60).status_code == 401


def test_a_push_that_takes_longer_than_that_is_not_cut_off(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform._registry_port, "_idle_seconds", 600)
    port = int(platform.registry_host.rpartition(":")[2])
    keys = platform._ecr.keys()
    token = platform._ecr.authorization(keys.access_key_id, keys.session_token)["authorizationToken"]
    headers = {"Authorization": f"Basic {token}"}
    begun = httpx.post(
        f"http://127.0.0.1:{port}/v2/biot-plugins/blobs/uploads/", headers=headers, trust_env=False, timeout=60
    )

    def slowly() -> Any:
        for number in range(8):
            time.sleep(0.2)
            if number == 1:  # the push is under way
                monkeypatch.setattr(platform._registry_port._own, "_idle_seconds", 0.5)
            yield b"x" * 1000

    url = f"http://127.0.0.1:{port}{begun.headers['Location']}"
    assert httpx.patch(url, content=slowly(), headers=headers, trust_env=False, timeout=60).headers["Range"] == "0-7999"
