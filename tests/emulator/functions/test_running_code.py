"""Updates, deletions and other processes do not disturb a running call."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from biot_provider.emulator.functions import code_folders
from biot_provider.emulator.functions.code_folders import CodeFolders
from biot_provider.emulator.functions.runtime import Function, FunctionSettings

from ...stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..conftest import Caller

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
