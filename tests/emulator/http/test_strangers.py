"""Who gets in, tried as an attacker: pages in the developer's browser, other accounts of the machine, containers."""

from __future__ import annotations

import json
import secrets
import stat
import threading
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from biot_provider.emulator import Platform
from biot_provider.emulator.http.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..conftest import Caller, Talk

CONTROLS = [
    ("POST", "/_emulator/service-users"),
    ("POST", "/_emulator/users"),
    ("POST", "/_emulator/faults"),
    ("GET", "/_emulator/faults"),
    ("DELETE", "/_emulator/faults"),
    ("PUT", "/_emulator/switches"),
    ("GET", "/_emulator/requests"),
    ("DELETE", "/_emulator/requests"),
    ("DELETE", "/_emulator/tokens"),
    ("POST", "/_emulator/keys/rotate"),
    ("GET", "/_emulator/logs"),
    ("GET", "/_emulator/plugins/guard/code"),
    ("POST", "/_emulator/plugins/guard/schedule"),
    ("GET", "/_emulator/console/state"),
    ("GET", "/_emulator/console/invocations/1"),
    ("POST", "/_emulator/console/events"),
    ("GET", "/_emulator/nothing"),
]
ECHO = "def handler(event, context):\n    print('it runs')\n    return event['headers']\n"


@pytest.fixture
def stranger(base_url: str) -> Iterator[httpx.Client]:
    """A process of another account: it knows the port, and nothing else."""
    with httpx.Client(base_url=base_url, trust_env=False, verify=False, timeout=60) as http:
        yield http


def everything(platform: Platform) -> list[Any]:
    """What the platform keeps, apart from the log of requests."""
    with platform._store.reading() as db:
        tables = [row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            [tuple(row) for row in db.execute(f"SELECT * FROM {table}")]
            for table in sorted(tables)
            if table not in ("requests", "sqlite_sequence")
        ]


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_the_key_the_emulators_own_routes_do_nothing_and_keep_nothing(
    stranger: httpx.Client, outside: Caller, platform: Platform, key: str | None
) -> None:
    outside.created()
    before, log = everything(platform), len(platform.requests())
    headers = {} if key is None else {"X-Emulator-Key": key}
    for method, path in CONTROLS:
        for body in ('{"kind": "kill"}', "{", "x" * 100_000):
            answer = stranger.request(method, path, content=body, headers=headers | {"Content-Type": "text/plain"})
            assert (answer.status_code, "control.key" in answer.text) == (403, True), (method, path)
    assert everything(platform) == before
    assert len(platform.requests()) == log


def test_a_token_of_the_platform_is_no_key(outside: Caller) -> None:
    del outside.http.headers["X-Emulator-Key"]
    assert outside.http.get("/_emulator/switches").status_code == 403
    assert outside.get("nobody").status_code == 404


def test_the_key_opens_them_and_is_in_a_file_that_only_its_owner_reads(
    stranger: httpx.Client, platform: Platform, tmp_path: Path
) -> None:
    file = tmp_path / "data" / "control.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stranger.headers["X-Emulator-Key"] = file.read_text()
    assert stranger.get("/_emulator/switches").status_code == 200
    assert (
        stranger.put(
            "/_emulator/switches", content="names=prefixed", headers={"Content-Type": "text/plain"}
        ).status_code
        == 415
    )
    assert file.read_text() == platform.control_key
    assert len(file.read_text()) >= 32


def test_other_accounts_cannot_look_into_the_data(tmp_path: Path) -> None:
    with Platform(tmp_path / "deep" / "data") as platform:
        platform.images.add("wave-1")
        assert stat.S_IMODE((tmp_path / "deep" / "data").stat().st_mode) == 0o700


def test_what_somebody_has_put_in_the_place_of_the_key_is_replaced(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "control.key", tmp_path / "elsewhere"
    for trap in ("known", "link", "open"):
        with Platform(tmp_path) as platform:
            key = platform.control_key
        file.unlink()
        if trap == "known":
            file.write_text("known")
        elif trap == "link":
            elsewhere.write_text("untouched")
            file.symlink_to(elsewhere)
        else:
            file.write_text(key)
            file.chmod(0o644)
        with Platform(tmp_path) as platform:
            assert platform.control_key == key
        assert not file.is_symlink()
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (key, 0o600)
    assert elsewhere.read_text() == "untouched"
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_those_who_open_a_platform_at_once_get_one_key(tmp_path: Path) -> None:
    keys = set()

    def open_it() -> None:
        with Platform(tmp_path) as platform:
            keys.add((platform.control_key, platform.control_key_file.read_text()))

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 1
    assert len(set(keys.pop())) == 1


def test_the_key_reaches_no_plugin(outside: Caller, deploy: Any) -> None:
    deploy("echo", ECHO)
    seen = outside.http.get(outside.got("echo")["endpointUrl"]).json()
    assert "x-emulator-key" not in seen
    assert outside.platform.control_key not in str(seen)


HOSTS = {
    "127.0.0.1:{port}": 200,
    "localhost:{port}": 200,
    "LocalHost:{port}": 200,
    "[::1]:{port}": 200,
    "evil.example": 403,
    "evil.example:{port}": 403,
    "localhost": 403,
    "127.0.0.1": 403,
    "localhost:1": 403,
    "localhost.:{port}": 403,
    "localhost.evil.example:{port}": 403,
    "127.0.0.1.nip.io:{port}": 403,
    "127.0.0.1:{port}@evil.example": 403,
    "evil.example, localhost:{port}": 403,
    "0.0.0.0:{port}": 403,
    "127.1:{port}": 403,
    "2130706433:{port}": 403,
    "": 403,
}


@pytest.mark.parametrize("host", HOSTS)
def test_only_the_address_of_the_loopback_interface_is_answered(talk: Talk, host: str) -> None:
    given = host.format(port=talk.port)
    for path in ("/settings/v1/system/properties", "/_functions/x/", "/v2/", "/_emulator/switches"):
        status, _, body = talk.ask(f"GET {path} HTTP/1.1\r\nHost: {given}\r\n\r\n")
        if HOSTS[host] == 200:
            assert "header Host" not in body
        else:
            assert (status, "header Host" in body) == (403, True), path


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        ("GET {path} HTTP/1.0\r\n", 403),
        ("GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n", 200),
        ("GET {path} HTTP/1.1\r\n", 400),
        ("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example\r\n", 400),
        ("GET {path} HTTP/1.1\r\nHost: evil.example\r\nHost: localhost:{port}\r\n", 400),
        ("GET http://localhost:{port}{path} HTTP/1.1\r\nHost: localhost:{port}\r\n", 200),
        ("GET HTTP://127.0.0.1:{port}{path}?a=b HTTP/1.1\r\nHost: localhost:{port}\r\n", 200),
        ("GET http://evil.example{path} HTTP/1.1\r\nHost: localhost:{port}\r\n", 403),
        ("GET http://localhost:{port}{path} HTTP/1.1\r\nHost: evil.example\r\n", 403),
        ("GET http://[evil{path} HTTP/1.1\r\nHost: localhost:{port}\r\n", 400),
        ("GET evil.example{path} HTTP/1.1\r\nHost: localhost:{port}\r\n", 400),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost:{port}\r\n", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost:{port}\r\n", 400),
        ("GET {path} HTTP/1.1\r\nX-Forwarded-Host: localhost:{port}\r\nHost: evil.example\r\n", 403),
    ],
)
def test_a_host_is_where_it_belongs_once_and_says_the_same_everywhere(
    talk: Talk, request_head: str, status: int
) -> None:
    head = request_head.format(path="/settings/v1/system/properties", port=talk.port)
    assert talk.ask(f"{head}\r\n")[0] == status


@pytest.mark.parametrize(
    "of_a_page",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:3000"},
        {"Origin": "{base_url}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_no_web_page_calls_the_platform_even_with_a_key_and_a_token(
    outside: Caller, base_url: str, of_a_page: dict[str, str]
) -> None:
    headers = {name: value.format(base_url=base_url) for name, value in of_a_page.items()}
    before = everything(outside.platform)
    for method, path in (
        ("POST", "/_emulator/service-users"),
        ("POST", "/ums/v2/services/accessToken"),
        ("GET", "/settings/v2/plugins"),
        ("GET", "/v2/"),
        ("OPTIONS", "/_emulator/faults"),
        ("GET", "/_functions"),
    ):
        answer = outside.http.request(method, path, headers=headers)
        assert (answer.status_code, "no web page" in answer.text) == (403, True), path
        assert not any(name.startswith("access-control-") for name in answer.headers)
    assert everything(outside.platform) == before


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_what_a_form_of_a_page_can_send_is_no_json(stranger: httpx.Client, platform: Platform, kind: str) -> None:
    body = json.dumps({"id": platform.service_id, "secretKey": platform.service_secret_key})
    path = "/ums/v2/services/accessToken"
    assert stranger.post(path, content=body, headers={"Content-Type": kind}).status_code == 415


def test_a_browser_that_opens_an_address_by_hand_is_answered(stranger: httpx.Client) -> None:
    path = "/settings/v1/system/properties"
    for site in ("none", "same-origin"):
        assert stranger.get(path, headers={"Sec-Fetch-Site": site}).status_code == 200


CORS = {"allowOrigins": ["https://a.example"], "allowMethods": ["GET"]}
PAGES = [
    ("open", "GET", {"Origin": "https://evil.example"}, 200),
    ("open", "GET", {"Origin": "null"}, 200),
    ("open", "DELETE", {"Origin": "https://evil.example"}, 403),
    ("open", "GET", {"Sec-Fetch-Site": "cross-site"}, 200),
    ("shared", "GET", {"Origin": "https://a.example"}, 200),
    ("shared", "POST", {"Origin": "https://a.example"}, 403),
    ("shared", "GET", {"Origin": "https://evil.example"}, 403),
    ("shared", "GET", {"Origin": "null"}, 403),
    ("shared", "GET", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("shared", "GET", {"Sec-Fetch-Site": "same-origin"}, 200),
    ("shared", "POST", {}, 200),
    ("shared", "OPTIONS", {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}, 200),
    ("shared", "OPTIONS", {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}, 403),
]


def test_a_page_calls_the_functions_whose_cors_says_so_and_no_other_one_runs(outside: Caller, deploy: Any) -> None:
    deploy("open", ECHO)
    deploy("shared", ECHO, cors=CORS)
    with httpx.Client(trust_env=False, verify=False, timeout=60) as http:
        for name, method, headers, status in PAGES:
            before = len(outside.platform.logs.lines(name))
            answer = http.request(method, outside.got(name)["endpointUrl"], headers=headers)
            assert answer.status_code == status, (name, method, headers)
            runs = status == 200 and method != "OPTIONS"
            assert (len(outside.platform.logs.lines(name)) > before) == runs, (name, method, headers)


def test_what_a_refused_caller_sends_is_not_in_the_log_of_requests(
    stranger: httpx.Client, platform: Platform, deploy: Any
) -> None:
    deploy("open", ECHO)
    canary = secrets.token_hex(8)
    log_in = {"id": canary, "secretKey": canary, "more": canary}
    assert stranger.post("/ums/v2/services/accessToken", json=log_in).status_code == 403
    files = {"config": (None, json.dumps({"name": canary})), "code": ("x", canary)}
    assert stranger.post("/settings/v2/plugins", files=files).status_code == 401
    assert stranger.post("/organization/v1/users/patients", json={"x": canary}).status_code == 401
    url = platform.plugins.get("Plugin-open", str(stranger.base_url).rstrip("/"))["endpointUrl"]
    assert stranger.post(url, json={"x": canary}).status_code == 200
    assert canary not in json.dumps(platform.requests())


def test_what_a_caller_puts_into_a_path_does_not_reach_the_terminal(
    stranger: httpx.Client, outside: Caller, deploy: Any
) -> None:
    deploy("open", ECHO)
    assert stranger.get(f"{outside.got('open')['endpointUrl']}%1b%5b2Jx%c2%9by{'z' * 1000}").status_code == 200
    (line,) = [line["line"] for line in outside.platform.logs.lines("open") if line["kind"] == "platform"]
    assert line.startswith("GET /?[2Jx?yzzz")
    assert len(line) < 300


def test_the_log_of_requests_keeps_no_more_than_so_much_of_one(outside: Caller) -> None:
    outside.http.post("/ums/v2/services", json={"name": "x" * 500_000})
    outside.http.get("/settings/v2/plugins", params={"searchRequest": "y" * 20_000})
    long, query = outside.platform.requests()[-2:]
    assert len(json.dumps(long)) < 3000
    assert len(query["query"]) == 2000


def test_under_another_name_it_answers_where_that_was_wanted(tmp_path: Path) -> None:
    with (
        running(tmp_path, names=["platform.example"]) as base_url,
        httpx.Client(trust_env=False, verify=False, timeout=60) as http,
    ):
        path = f"{base_url}/settings/v1/system/properties"
        assert http.get(path, headers={"Host": "platform.example"}).status_code == 200
        assert http.get(path, headers={"Host": "other.example"}).status_code == 403


def test_it_listens_on_the_loopback_interface_alone(base_url: str) -> None:
    port = int(base_url.rpartition(":")[2])
    listening = [each.laddr for each in psutil.Process().net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    assert [address for address in listening if address[1] == port] == [("127.0.0.1", port)]
