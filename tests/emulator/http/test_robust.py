"""What goes wrong beside a call is not the call's trouble: updates, other processes, and endpoints that misbehave."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from biot_provider.emulator import Platform
from biot_provider.emulator.delivery import outgoing
from biot_provider.emulator.functions import code_folders
from biot_provider.emulator.functions.code_folders import CodeFolders
from biot_provider.emulator.functions.runtime import Function, FunctionSettings
from biot_provider.emulator.images import registry

from ...stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..conftest import Caller, Talk

PATIENTS = "/organization/v1/users/patients"
CREATE = f"POST{PATIENTS}"

SLOW = """
import os, time
def handler(event, context):
    print("begun")
    while not os.path.exists({gate!r}):
        time.sleep(0.01)
    from late import word
    return word
"""
QUICK = "def handler(event, context): return 'new'\n"


def package(zipped: Any, code: str, late: str) -> bytes:
    import io
    import zipfile

    content = io.BytesIO(zipped(code))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("late.py", late)
    return content.getvalue()


@pytest.fixture
def begun(outside: Caller, zipped: Any, tmp_path: Path) -> Iterator[Callable[[], httpx.Response]]:
    """A call of the plugin `guard` that has begun, and loads more of its code when it is to go on; gives its answer."""
    gate = tmp_path / "gate"
    runtime = f"python3.{sys.version_info.minor}"
    outside.created(package(zipped, SLOW.format(gate=str(gate)), "word = 'old'\n"), runtime=runtime, timeout=30)
    url = outside.got("guard")["endpointUrl"]
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(httpx.get, url, trust_env=False, timeout=60)
        while not outside.platform.logs.lines("guard"):
            time.sleep(0.02)

        def go_on() -> httpx.Response:
            gate.touch()
            return call.result()

        yield go_on
        gate.touch()


def test_an_update_lets_a_running_call_finish_with_its_own_code(
    outside: Caller, zipped: Any, begun: Callable[[], httpx.Response]
) -> None:
    outside.patched("guard", {"version": 2}, zipped(QUICK))
    # Each of these unpacks a package, and clears away what is not in use.
    for number in range(3):
        outside.patched("guard", {"version": 3 + number}, zipped(f"{QUICK}# {number}"))
        assert outside.http.get(outside.got("guard")["endpointUrl"]).json() == "new"
    answer = begun()
    assert (answer.status_code, answer.json()) == (200, "old")


def test_an_update_and_a_call_in_another_process_do_not_take_the_code_of_a_running_call_away(
    outside: Caller,
    zipped: Any,
    begun: Callable[[], httpx.Response],
    tmp_path: Path,
    script: Callable[..., list[str]],
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom biot_provider.emulator import Platform\n"
        "with Platform(Path(sys.argv[1])) as platform:\n"
        "    code = sys.stdin.buffer.read()\n"
        "    platform.plugins.update('Plugin-guard', {'version': 2}, code, 'http://embedded.invalid')\n"
        "    called = platform._functions.invoke(platform._functions.find('guard'), {}, 'call')\n"
        "    print(called.answer, called.error)\n"
    )
    done = subprocess.run(script(code, tmp_path / "data"), input=zipped(QUICK), capture_output=True, timeout=60)
    assert done.stdout == b"new None\n", done.stderr
    answer = begun()
    assert (answer.status_code, answer.json()) == (200, "old")


def test_a_plugin_that_is_deleted_finishes_its_call(outside: Caller, begun: Callable[[], httpx.Response]) -> None:
    assert outside.delete("guard").status_code == 204
    assert begun().json() == "old"


def test_of_the_packages_that_were_there_only_those_in_use_stay(outside: Caller, zipped: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "functions"
    (folder / "left-by-an-earlier-version").mkdir(parents=True)
    stale, fresh = folder / ".stale", folder / ".fresh"
    for draft in (stale, fresh):
        draft.mkdir()
    os.utime(stale, (0, 0))
    runtime = f"python3.{sys.version_info.minor}"
    outside.created(zipped(QUICK), runtime=runtime, timeout=30)
    for number in range(3):
        assert outside.http.get(outside.got("guard")["endpointUrl"]).json() == "new"
        outside.patched("guard", {"version": 2 + number}, zipped(f"{QUICK}# {number}"))
    assert outside.http.get(outside.got("guard")["endpointUrl"]).json() == "new"
    left = sorted(path.name for path in folder.iterdir())
    # The one before the last is let go of only after the last is there.
    assert ".fresh" in left
    assert ".stale" not in left
    assert "left-by-an-earlier-version" not in left
    assert len([name for name in left if not name.startswith(".") and not name.endswith(".lock")]) <= 2


TAKER = """
import sys
from pathlib import Path
from biot_provider.emulator.functions.code_folders import CodeFolders

folder = Path(sys.argv[1])
content = (folder.parent / "code.zip").read_bytes()
for _ in range(60):
    folders = CodeFolders(folder)
    code = folders.take("aa", lambda: content)
    assert (code.path / "index.py").read_text(), "half a package"
    folders.clear(["bb"])
    assert (code.path / "index.py").read_text(), "taken away while it is in use"
    code.release()
    folders.clear([])
"""


def test_processes_that_take_and_clear_away_at_once_never_see_half_a_folder(
    tmp_path: Path, zipped: Any, script: Callable[..., list[str]]
) -> None:
    (tmp_path / "code.zip").write_bytes(zipped())
    command = script(TAKER, tmp_path / "functions")
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for worker in workers:
        _, problems = worker.communicate(timeout=60)
        assert worker.returncode == 0, problems


def test_a_folder_that_is_taken_while_another_process_clears_away_stays(
    tmp_path: Path, zipped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped(QUICK)
    CodeFolders(tmp_path).take("aa", lambda: content).release()
    lock = fcntl.flock
    again: list[Any] = []

    def late(descriptor: int, how: int) -> None:
        if not again:
            # Between opening the lock file and locking it.
            again.append(None)
            CodeFolders(tmp_path).clear([])
            again.append(CodeFolders(tmp_path).take("aa", lambda: content))
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    CodeFolders(tmp_path).clear([])
    taken = again[1]
    assert taken is not None
    assert (taken.path / "index.py").read_text() == QUICK
    taken.release()


def test_a_folder_that_cannot_be_had_is_not_given(tmp_path: Path, zipped: Any) -> None:
    (tmp_path / "aa").write_text("in the way")
    with pytest.raises(NotADirectoryError):
        CodeFolders(tmp_path).take("aa", lambda: zipped(QUICK))


def test_a_package_that_cannot_be_unpacked_leaves_nothing_open(tmp_path: Path) -> None:
    before = open_descriptors()
    for _ in range(20):
        with pytest.raises(ValueError, match="sound zip"):
            CodeFolders(tmp_path).take("aa", lambda: b"no zip")
    assert left_open(before) == set()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    assert code_folders.DRAFT_SECONDS >= 600


def test_a_process_that_cannot_start_leaves_no_descriptor_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index.py").write_text(QUICK)
    settings = FunctionSettings("guard", f"python3.{sys.version_info.minor}", "index.handler", 3, 128, {})
    with Function(tmp_path, settings) as function:
        assert function.invoke({}).answer == "new"
    before = open_descriptors()
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    for _ in range(5):
        with Function(tmp_path, settings) as function, pytest.raises(OSError, match="nonexistent"):
            function.invoke({})
    monkeypatch.undo()
    pipe, made = os.pipe, list[int]()

    def third_time_unlucky() -> tuple[int, int]:
        if len(made) == 2:
            raise OSError(24, "Too many open files")
        made.append(0)
        return pipe()

    monkeypatch.setattr(os, "pipe", third_time_unlucky)
    with Function(tmp_path, settings) as function, pytest.raises(OSError, match="Too many"):
        function.invoke({})
    assert left_open(before) == set()


def open_descriptors() -> set[str]:
    """What this process has open, which may change while it is read: an earlier test's thread may just end."""
    return {path.name for path in Path("/dev/fd").iterdir()}


def left_open(before: set[str]) -> set[str]:
    return open_descriptors() - before


def parent_of(pid: int) -> int:
    return psutil.Process(pid).ppid()


def test_a_process_that_is_slow_to_end_holds_up_no_call(outside: Caller, deploy: Any) -> None:
    code = "import os\ndef handler(event, context): return os.getpid()\n"
    deploy("slow", code)
    deploy("other", code)
    slow, other = (outside.got(name)["endpointUrl"] for name in ("slow", "other"))
    guard = parent_of(outside.http.get(slow).json())
    os.kill(guard, signal.SIGSTOP)
    try:
        outside.patched("slow", {"timeout": 7})
        for url in (slow, other):
            with Stopwatch() as stopwatch:
                assert outside.http.get(url, timeout=60).status_code == 200
            assert stopwatch.seconds < 4
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(guard, signal.SIGCONT)


def test_a_function_that_answers_no_hook_says_so_in_its_log(outside: Caller, deploy: Any) -> None:
    deploy("seed", None)
    url = outside.got("seed")["endpointUrl"]
    for body in ("", "{}", "[]", "{", "null", '{"request": 1}', "[" * 50_000):
        status = outside.http.post(url, content=body, headers={"hooktype": "INTERCEPTOR_PRE"}).status_code
        assert status in (200, 502)
    assert outside.http.get("/settings/v1/system/properties").status_code == 200


# Endpoints that misbehave.


@pytest.fixture
def raw() -> Iterator[Any]:
    """Serves endpoints that answer each connection with the same pieces, a moment apart; gives their addresses."""
    over = threading.Event()
    with contextlib.ExitStack() as closing:

        def serve(*pieces: bytes, again: bool = False, pause: float = 0.05) -> str:
            listener = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.settimeout(0.1)

            def answer() -> None:
                while not over.is_set():
                    with contextlib.suppress(OSError), listener.accept()[0] as there:
                        there.settimeout(60)
                        while b"}" not in there.recv(65536):
                            pass
                        for piece in pieces:
                            there.sendall(piece)
                            time.sleep(pause)
                        while again and not over.is_set():
                            there.sendall(pieces[-1])
                            time.sleep(pause)

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            closing.callback(thread.join, 5)
            return f"http://127.0.0.1:{listener.getsockname()[1]}/hook"

        yield serve
        over.set()


def intercept(call: Caller, endpoint: str) -> None:
    body = {"type": "PRE_REQUEST", "apiId": CREATE, "endpoint": endpoint}
    answer = call.http.post("/dispatcher/v1/hooks/interceptions/subscribe", json=body)
    assert answer.status_code == 201, answer.text


GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"request": {}}'


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"],
        [b"HTTP/1.1 103 Early Hints\r\n\r\n", GOOD],
        [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"],
        [b"HTTP/1.1 199 What\r\n\r\n"],
        [b"HTTP/1.1 99 What\r\n\r\n"],
        [b"HTTP/1.1 abc\r\n\r\n"],
        [b"\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
        [b'HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{"request": {"body": {"x": 1e999}}}'],
        [b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 60_000],
        [],
    ],
)
def test_an_answer_that_is_none_fails_the_call_and_never_hangs_it(
    inside: Caller, raw: Any, pieces: list[bytes]
) -> None:
    intercept(inside, raw(*pieces))
    with Stopwatch() as stopwatch:
        answer = inside.http.post(PATIENTS, json={}, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERCEPTOR_FAILED")
    assert stopwatch.seconds < 10


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_an_answer_without_an_end_is_given_up_in_time(
    inside: Caller, raw: Any, monkeypatch: pytest.MonkeyPatch, first: bytes, again: bytes
) -> None:
    monkeypatch.setattr(outgoing, "TIMEOUT_SECONDS", 1.0)
    intercept(inside, raw(first, again, again=True))
    with Stopwatch() as stopwatch:
        answer = inside.http.post(PATIENTS, json={}, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERCEPTOR_FAILED")
    assert "no answer within 1 s" in answer.text
    assert stopwatch.seconds < 5


def test_a_proxy_whose_answer_has_no_end_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        listener.settimeout(60)  # the time may be over before the proxy is called
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")

        def trickle() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as there:
                there.sendall(b"HTTP/1.1 200 OK\r\n")
                for _ in range(100):
                    there.sendall(b"X: y\r\n")
                    time.sleep(0.05)

        threads.submit(trickle)
        with Stopwatch() as stopwatch, pytest.raises(outgoing.Unreachable, match=r"no answer within 0\.5 s"):
            outgoing.post("https://a.example/hook", {}, b"{}")
        assert stopwatch.seconds < 2


def test_the_time_is_over_where_connecting_alone_took_longer(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = raw(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", again=True)
    look_up = socket.getaddrinfo

    def slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.5)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    monkeypatch.setattr(outgoing, "TIMEOUT_SECONDS", 0.3)
    with Stopwatch() as stopwatch, pytest.raises(outgoing.Unreachable, match=r"no answer within 0\.3 s"):
        outgoing.post(endpoint, {}, b"{}")
    assert stopwatch.seconds < 2


@pytest.mark.parametrize("status", [100, 101, 103, 199])
def test_a_plugin_that_answers_an_interception_with_1xx_fails_the_call(
    inside: Caller, deploy: Any, status: int
) -> None:
    hook = {"interceptionOrder": 1, "interceptions": [{"type": "PRE_REQUEST", "apiId": CREATE}]}
    deploy("early", f"def handler(event, context): return {{'statusCode': {status}}}\n", subscriptions=hook)
    answer = inside.http.post(PATIENTS, json={}, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERCEPTOR_FAILED")
    assert f"the status is {status}" in answer.text
    inside.platform.switches.set(failing_interceptors="skipped")
    assert inside.http.post(PATIENTS, json={}, timeout=20).status_code == 201


MALFORMED = [
    "https://[nowhere/hook",
    "https://[::1",
    "https://a.example:99999/hook",
    "https://a.example:port/hook",
    "https://a.example:0/hook",
    "https://:443/hook",
    "https:///hook",
    "https://",
    "https:",
    "a.example/hook",
    "ftp://a.example/hook",
    "https://a.example/h k",
    "https://a.example/h\nk",
    "https://a.example/\u00e9",
    "https://\u0130.example/",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("endpoint", MALFORMED)
def test_an_endpoint_that_is_no_address_is_refused(shared: Caller, endpoint: str) -> None:
    notification = {"entityTypeName": "patient", "actionName": "_create", "endpoint": endpoint}
    interception = {"type": "PRE_REQUEST", "apiId": CREATE, "endpoint": endpoint}
    for kind, body in (("notifications", notification), ("interceptions", interception)):
        answer = shared.http.post(f"/dispatcher/v1/hooks/{kind}/subscribe", json=body)
        assert (answer.status_code, answer.json()["message"]) == (400, "endpoint: must be a URL")


def test_one_that_an_earlier_version_has_taken_kills_no_queue(outside: Caller, deploy: Any) -> None:
    told = {"interceptionOrder": 1, "interceptions": []}
    told |= {"notifications": [{"entityTypeName": "patient", "actionName": "_create"}]}
    deploy("listens", "def handler(event, context): print('told')\n", subscriptions=told)
    with outside.platform._store.writing() as db:
        for endpoint in MALFORMED:
            db.execute(
                "INSERT INTO listeners (id, entity, action, endpoint) VALUES ('x', 'patient', '_create', ?)",
                (endpoint,),
            )
    for _ in range(2):
        assert outside.http.post(PATIENTS, json={}).status_code == 201
    # The server has a platform of its own on the same folder.
    deadline = time.monotonic() + 120
    while [line["line"] for line in outside.platform.logs.lines("listens")].count("told") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while len([line for line in outside.platform.logs.lines() if "its address must be a URL" in line["line"]]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_credentials_in_an_address_are_refused_and_quoted_nowhere(
    outside: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    password = secrets.token_hex(8)
    for address in (
        f"https://me:{password}@a.example/hook",
        f"https://{password}@a.example/hook",
        f"http://me:{password}@127.0.0.1:1/hook",
        f"https://me:{password}/x@a.example/hook",
        f"https://me:{password}@[nowhere/hook",
    ):
        notification = {"entityTypeName": "patient", "actionName": "_create", "endpoint": address}
        interception = {"type": "PRE_REQUEST", "apiId": CREATE, "endpoint": address}
        for kind, body in (("notifications", notification), ("interceptions", interception)):
            for verb in ("subscribe", "unsubscribe"):
                answer = outside.http.post(f"/dispatcher/v1/hooks/{kind}/{verb}", json=body)
                assert answer.status_code == 400
                assert password not in answer.text
    with outside.platform._store.writing() as db:
        # As an earlier version has taken it.
        record = {"id": "x", "ordered": False, "apiId": CREATE, "entityName": None, "creationTime": "x"}
        db.execute(
            "INSERT INTO interceptors (type, target, endpoint, position, record) VALUES ('PRE_REQUEST', ?, ?, 1, ?)",
            (CREATE, f"https://me:{password}@a.example/hook?key={password}", json.dumps(record)),
        )
    answer = outside.http.post(PATIENTS, json={})
    assert answer.status_code == 500
    told = [answer.text, json.dumps(outside.platform.requests()), json.dumps(outside.platform.logs.lines())]
    assert not any(password in text for text in told)
    assert "a.example/hook" in told[0]
    assert password not in "".join(capfd.readouterr())


# Images.


def test_the_files_of_an_image_go_after_the_plugin_is_gone_for_sure(
    inside: Caller, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.images.add("wave-1")
    inside.created(deploymentPackageType="IMAGE", imageTag="wave-1")
    seen: list[int] = []
    remove = platform.images.remove

    def look_first(tag: str) -> None:
        with Platform(tmp_path / "data") as other:
            seen.append(other.plugins.search({})["metadata"]["page"]["totalResults"])
        remove(tag)

    monkeypatch.setattr(platform.images, "remove", look_first)
    assert inside.delete("guard").status_code == 204
    assert seen == [0]
    assert platform.images.tags() == {}


PUSHER = """
import sys, time
from pathlib import Path
from biot_provider.emulator import Platform
from biot_provider.emulator.images.registry import RegistryError

with Platform(Path(sys.argv[1])) as platform:
    end, pushed = time.time() + 60, 0
    while not Path(sys.argv[2]).exists() and time.time() < end:
        try:
            platform.images.add("same")
        except (RegistryError, FileNotFoundError):
            continue  # its parts were taken away before they were an image
        pushed += 1
    print(pushed)
"""


def test_pushes_and_deletions_of_two_processes_leave_no_tag_without_its_image(
    inside: Caller,
    platform: Platform,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: Callable[..., list[str]],
) -> None:
    # Without a time of grace whatever is no image yet may go at any moment.
    monkeypatch.setattr(registry, "BLOB_GRACE_SECONDS", 0.0)
    enough = tmp_path / "enough"
    command = script(PUSHER, tmp_path / "data", enough)
    deleted = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pusher:
        while pusher.poll() is None:
            if inside.create(deploymentPackageType="IMAGE", imageTag="same").status_code == 201:
                with platform._store.writing():
                    assert set(platform.images.tags()) == {"same"}
                    platform.images.require("same")
                assert inside.delete("guard").status_code == 204
                deleted += 1
            if deleted == 5:
                enough.touch()
        assert pusher.stdout is not None
        assert int(pusher.stdout.read()) > 1
    assert deleted >= 5


def test_a_push_that_takes_hours_is_not_taken_apart_by_a_deletion(
    inside: Caller, platform: Platform, tmp_path: Path
) -> None:
    """A manifest that is pushed by its digest, for an index that comes when all of its images are there."""
    stored = platform._registry
    child = platform.images.add("first")
    stored.remove_tag("biot-plugins", "first")
    for path in (tmp_path / "data" / "registry").rglob("*"):
        os.utime(path, (time.time() - 11 * 3600,) * 2)
    platform.images.add("other")
    inside.created(deploymentPackageType="IMAGE", imageTag="other")
    inside.delete("guard")
    manifest = stored.manifest("biot-plugins", child)
    index = json.dumps({"schemaVersion": 2, "manifests": [{"digest": child, "mediaType": manifest.media_type}]})
    stored.put_manifest("biot-plugins", "both", "application/vnd.oci.image.index.v1+json", index.encode())
    assert json.loads(manifest.content)["layers"]


def test_an_upload_that_breaks_off_can_be_made_again(outside: Caller, talk: Talk) -> None:
    keys = outside.platform._ecr.keys()
    token = outside.platform._ecr.authorization(keys.access_key_id, keys.session_token)["authorizationToken"]
    headers = {"Authorization": f"Basic {token}"}
    begun = outside.http.post("/v2/biot-plugins/blobs/uploads/", headers=headers).headers["Location"]
    head = f"PUT {begun}?digest=x HTTP/1.1\r\nHost: localhost:{talk.port}\r\nAuthorization: Basic {token}\r\n"
    with talk.connect(f"{head}Content-Length: 10\r\n\r\nhalf") as there:
        there.shutdown(socket.SHUT_WR)
        assert talk.answer(there)[0] == 400
    digest = f"sha256:{hashlib.sha256(b'whole').hexdigest()}"
    put = outside.http.put(begun, params={"digest": digest}, content=b"whole", headers=headers)
    assert put.status_code == 201
