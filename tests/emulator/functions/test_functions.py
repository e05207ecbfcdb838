"""Deployed plugins behind their endpoints: what they are sent, what becomes of their answers, and how they end."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from biot_provider.emulator import Platform
from biot_provider.emulator.functions.pool import MAX_PROCESSES
from biot_provider.emulator.http.server import running

if TYPE_CHECKING:
    from pathlib import Path

ECHO = """
    def handler(event, context):
        return event
"""
COUNT = """
    import os
    calls = 0

    def handler(event, context):
        global calls
        calls += 1
        return {"calls": calls, "process": os.getpid(), "word": os.environ.get("WORD")}
"""
GATHERS = """
    import os, pathlib, time

    def handler(event, context):
        folder = pathlib.Path({folder!r})
        (folder / str(os.getpid())).touch()
        while not (folder / "go on").exists():
            time.sleep(0.01)
        return os.getpid()
"""


@pytest.fixture
def ask(outside: Any) -> Any:
    """Calls the endpoint of a plugin."""

    def act(name: str, method: str = "GET", path: str = "", **what: Any) -> httpx.Response:
        url = outside.got(name)["endpointUrl"]
        answer: httpx.Response = outside.http.request(method, url + path, **what)
        return answer

    return act


def logs(call: Any, name: str) -> list[str]:
    return [line["line"] for line in call.http.get(f"/_emulator/plugins/{name}/logs").json()["logs"]]


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def call_in_vain(url: str) -> None:
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(url, timeout=30)


def test_a_plugin_is_called_with_what_its_caller_sent(deploy: Any, ask: Any) -> None:
    deploy("echo", ECHO)
    event = ask("echo", "PUT", "sub/path?a=1&a=2&b=", json={"x": 1}, headers={"X-Word": "Yes"}).json()
    assert event["version"] == "2.0"
    assert (event["rawPath"], event["rawQueryString"]) == ("/sub/path", "a=1&a=2&b=")
    assert event["requestContext"]["http"]["method"] == "PUT"
    assert event["headers"]["x-word"] == "Yes"
    assert (json.loads(event["body"]), event["isBase64Encoded"]) == ({"x": 1}, False)
    binary = ask("echo", "POST", content=b"\xff\0", headers={"Content-Type": "image/png"}).json()
    assert (base64.b64decode(binary["body"]), binary["isBase64Encoded"]) == (b"\xff\0", True)


def test_every_method_is_a_call(deploy: Any, ask: Any) -> None:
    deploy("echo", ECHO)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert ask("echo", method).json()["requestContext"]["http"]["method"] == method


def test_its_caller_gets_status_headers_cookies_and_body(deploy: Any, ask: Any) -> None:
    deploy(
        "teapot",
        """
        def handler(event, context):
            headers = {"Content-Type": "image/png", "X-Tea": "yes"}
            return {"statusCode": 418, "headers": headers, "cookies": ["a=1", "b=2"], "body": "/wA=",
                    "isBase64Encoded": True}
        """,
    )
    answer = ask("teapot")
    assert (answer.status_code, answer.content) == (418, b"\xff\0")
    assert (answer.headers["content-type"], answer.headers["x-tea"]) == ("image/png", "yes")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_what_belongs_to_the_connection_is_no_plugins_to_say(deploy: Any, ask: Any) -> None:
    deploy("liar", "def handler(e, c): return {'statusCode': 204, 'headers': {'Content-Length': '9'}, 'body': 'x'}\n")
    assert [ask("liar").status_code, ask("liar").content] == [204, b""]


def test_a_plugin_for_node_runs(platform: Platform, ask: Any) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.js", "exports.handler = async (event) => ({ path: event.rawPath });")
    config = {"name": "node", "displayName": "x", "version": 1, "runtime": "nodejs22.x", "timeout": 10}
    platform.plugins.create(config, content.getvalue(), "http://x")
    assert ask("node", path="here").json() == {"path": "/here"}


def test_its_endpoint_has_the_host_of_the_request(deploy: Any, outside: Any, inside: Any, base_url: str) -> None:
    deploy("echo", ECHO)
    over_socket = outside.got("echo")["endpointUrl"]
    assert over_socket.startswith(f"{base_url}/_functions/")
    assert inside.got("echo")["endpointUrl"].endswith(".lambda-url.embedded.invalid/")
    by_name = base_url.replace("127.0.0.1", "localhost")
    answer = outside.http.get(f"{by_name}/settings/v2/plugins/Plugin-echo").json()
    assert answer["endpointUrl"] == over_socket.replace("127.0.0.1", "localhost")


def test_an_endpoint_is_open_to_everybody_unless_its_plugin_is_disabled_or_gone(
    deploy: Any, outside: Any, base_url: str
) -> None:
    deploy("echo", ECHO)
    url = outside.got("echo")["endpointUrl"]
    with httpx.Client(trust_env=False, verify=False, timeout=60) as stranger:
        assert stranger.get(url).status_code == 200
        outside.patched("echo", {"enabledState": "DISABLED"})
        assert (stranger.get(url).status_code, stranger.get(url).json()) == (403, {"Message": "Forbidden"})
        outside.delete("echo")
        assert stranger.get(url).status_code == 404
        assert stranger.get(f"{base_url}/_functions/nothing/").status_code == 404


def test_a_plugin_knows_its_variables_and_reaches_the_platform_as_its_own_user(deploy: Any, ask: Any) -> None:
    deploy(
        "caller",
        """
        import json, os, urllib.request

        def handler(event, context):
            user = {"id": os.environ["BIOT_SERVICE_USER_ID"], "secretKey": os.environ["BIOT_SERVICE_USER_SECRET_KEY"]}
            url = os.environ["BIOT_BASE_URL"] + "/ums/v2/services/accessToken"
            kind = {"Content-Type": "application/json"}
            with urllib.request.urlopen(urllib.request.Request(url, json.dumps(user).encode(), kind)) as answer:
                return {"word": os.environ["WORD"], "name": os.environ["BIOT_APP_NAME"], "status": answer.status}
        """,
        environmentVariables={"WORD": "canary"},
    )
    assert ask("caller").json() == {"word": "canary", "name": "caller", "status": 200}


def test_a_process_is_kept_warm_until_the_plugin_is_changed(deploy: Any, ask: Any, outside: Any, zipped: Any) -> None:
    deploy("count", COUNT, environmentVariables={"WORD": "one"})
    first, second = ask("count").json(), ask("count").json()
    assert [first["calls"], second["calls"]] == [1, 2]
    assert first["process"] == second["process"]
    outside.patched("count", {"environmentVariables": {"WORD": "two"}})
    third = ask("count").json()
    assert (third["calls"], third["word"]) == (1, "two")
    assert not is_alive(first["process"])
    outside.patched("count", {"version": 2}, zipped("def handler(event, context): return 'new'\n"))
    assert ask("count").json() == "new"
    assert not is_alive(third["process"])


def test_calls_at_once_run_beside_each_other_up_to_a_number_of_processes(
    deploy: Any, outside: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "gathered"
    folder.mkdir()
    deploy("slow", GATHERS.format(folder=str(folder)), timeout=120)
    url = outside.got("slow")["endpointUrl"]
    with (
        ThreadPoolExecutor(MAX_PROCESSES + 1) as threads,
        httpx.Client(trust_env=False, verify=False, timeout=120) as http,
    ):
        calls = [threads.submit(http.get, url) for _ in range(MAX_PROCESSES + 1)]
        while len(list(folder.iterdir())) < MAX_PROCESSES and not any(call.done() for call in calls):
            time.sleep(0.02)
        (folder / "go on").touch()
        answers = [call.result() for call in calls]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json() for answer in answers}) == MAX_PROCESSES


def test_processes_end_with_the_platform_even_at_work(deploy: Any, platform: Platform, tmp_path: Path) -> None:
    deploy("count", COUNT)
    deploy(
        "stuck",
        "import os, time\ndef handler(event, context):\n    print(os.getpid())\n    time.sleep(60)\n",
        timeout=90,
    )
    seen: list[int] = []
    key = {"X-Emulator-Key": platform.control_key}
    with (
        running(tmp_path / "data") as base_url,
        httpx.Client(base_url=base_url, trust_env=False, verify=False, headers=key, timeout=60) as http,
    ):
        count, stuck = (platform.plugins.get(f"Plugin-{name}", base_url)["endpointUrl"] for name in ("count", "stuck"))
        seen.append(http.get(count).json()["process"])
        thread = threading.Thread(target=call_in_vain, args=(stuck,))
        thread.start()
        while not (lines := http.get("/_emulator/plugins/stuck/logs").json()["logs"]):
            time.sleep(0.02)
        seen.append(int(lines[0]["line"]))
        assert all(map(is_alive, seen))
    thread.join(10)
    assert not any(map(is_alive, seen))


def test_a_plugin_without_code_runs_the_platforms_seed(deploy: Any, ask: Any) -> None:
    deploy("seed", None, runtime="nodejs22.x")
    assert ask("seed").status_code == 200


def test_an_image_is_not_run_and_says_so_in_the_log(platform: Platform, ask: Any, outside: Any) -> None:
    platform.plugins.create(
        {"name": "picture", "displayName": "x", "version": 1, "deploymentPackageType": "IMAGE"}, None, "http://x"
    )
    assert (ask("picture").status_code, ask("picture").json()) == (502, {"Message": "Internal Server Error"})
    assert "GET /: images are not run by the embedded platform: deploy a zip to try it" in logs(outside, "picture")


HARMFUL = {
    "hangs": ("import time\ndef handler(e, c):\n    time.sleep(60)\n", "time limit of 1 s"),
    "crashes": ("import os\ndef handler(e, c):\n    os._exit(3)\n", "ended"),
    "raises": ("def handler(e, c):\n    raise LookupError('canary')\n", "canary"),
    "eats-memory": ("def handler(e, c):\n    x = []\n    while True: x.append(bytearray(1 << 24))\n", "128 MB"),
    "answers-rubbish": ("def handler(e, c):\n    return {'statusCode': 'fine'}\n", "statusCode"),
    "answers-no-header": ("def handler(e, c):\n    return {'statusCode': 200, 'headers': {'x': 'a\\r\\nb'}}\n", "HTTP"),
    "answers-too-early": ("def handler(e, c):\n    return {'statusCode': 100}\n", "100"),
    "answers-no-json": ("def handler(e, c):\n    return object()\n", "JSON"),
    "has-no-handler": ("x = 1\n", "handler"),
    "does-not-load": ("import nothing_of_that_name\n", "nothing_of_that_name"),
    "needs-another-runtime": ("", "java21"),
}


def test_a_plugin_that_fails_is_a_502_whose_reason_is_in_its_log_and_harms_nobody(
    deploy: Any, ask: Any, outside: Any
) -> None:
    deploy("good", ECHO)
    for name, (code, reason) in HARMFUL.items():
        runtime = {"runtime": "java21"} if name == "needs-another-runtime" else {}
        deploy(name, code, timeout=1 if name == "hangs" else 60, **runtime)
        answer = ask(name, timeout=120)
        assert (answer.status_code, answer.json()) == (502, {"Message": "Internal Server Error"}), name
        last = logs(outside, name)[-1]
        assert last.startswith("GET /: ")
        assert reason in last
        assert "\n" not in last
        assert ask("good").status_code == 200, name


def test_the_log_holds_what_a_plugin_writes_and_how_its_calls_ended(deploy: Any, ask: Any, outside: Any) -> None:
    deploy("talker", "import sys\ndef handler(e, c):\n    print('one')\n    print('two', file=sys.stderr)\n")
    ask("talker", path="x")
    lines = outside.http.get("/_emulator/plugins/talker/logs").json()["logs"]
    assert sorted(line["line"] for line in lines[:2]) == ["one", "two"]
    assert [line["kind"] for line in lines] == ["plugin", "plugin", "platform"]
    assert lines[2]["line"].startswith("GET /x: answered in ")
    assert {line["source"] for line in outside.http.get("/_emulator/logs").json()["logs"]} == {"talker"}


def test_the_log_keeps_the_last_thousand_lines(deploy: Any, ask: Any, outside: Any) -> None:
    deploy("talker", "def handler(e, c):\n    for number in range(1200): print(number)\n")
    deploy("other", "def handler(e, c): print('here')\n")
    ask("other")
    ask("talker")
    lines = logs(outside, "talker")
    assert len(lines) == 1000
    assert lines[-2] == "1199"
    assert logs(outside, "other")[0] == "here"


def test_a_schedule_is_run_by_hand(deploy: Any, outside: Any) -> None:
    deploy("nightly", "def handler(e, c):\n    print('up')\n    return sorted(e)\n", cronSchedule="0 6 * * ? *")
    run = outside.http.post("/_emulator/plugins/nightly/schedule").json()
    assert (run["error"], run["errorType"], run["logs"]) == (None, None, ["up"])
    assert "headers" not in run["answer"]
    assert "body" not in run["answer"]
    assert run["duration"] >= 0
    assert logs(outside, "nightly")[0] == "up"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"cronSchedule": "0 6 * * ? *", "enabledState": "DISABLED"}, "is disabled: its schedule does not run"),
        ({}, "has no cronSchedule"),
    ],
)
def test_a_plugin_without_a_schedule_that_runs_is_not_run(
    config: dict[str, str], problem: str, deploy: Any, outside: Any
) -> None:
    deploy("idle", "def handler(e, c): print('up')\n", **config)
    answer = outside.http.post("/_emulator/plugins/idle/schedule")
    assert (answer.status_code, answer.json()) == (400, {"error": f"plugin idle {problem}"})
    assert logs(outside, "idle") == []


def test_pages_of_other_origins_may_read_what_cors_allows(deploy: Any, ask: Any) -> None:
    cors = {"allowOrigins": ["https://a.example"], "allowMethods": ["GET"], "exposeHeaders": ["x-tea"]}
    deploy("open", ECHO)
    deploy("shared", ECHO, cors=cors)
    assert ask("open", headers={"Origin": "https://b.example"}).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in ask("open").headers
    ours = ask("shared", headers={"Origin": "https://a.example"}).headers
    assert ours["access-control-allow-origin"] == "https://a.example"
    assert ours["access-control-expose-headers"] == "x-tea"
    assert "access-control-allow-origin" not in ask("shared", headers={"Origin": "https://b.example"}).headers


def test_a_browsers_question_is_answered_without_the_plugin(deploy: Any, ask: Any, outside: Any) -> None:
    deploy("open", ECHO)
    question = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    answer = ask("open", "OPTIONS", headers=question)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert logs(outside, "open") == []
