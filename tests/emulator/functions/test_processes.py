"""A function's process ends with its function, and so does all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from biot_provider.emulator.functions.runtime import (
    Invocation,
)

from ...stopwatch import Stopwatch
from .conftest import NODE, PYTHON, Start, failed


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_the_end_of(*pids: int) -> None:
    deadline = time.monotonic() + 120
    while alive := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {alive}"
        time.sleep(0.01)


def test_closing_ends_a_call_at_once(start: Start) -> None:
    function = start("import time\ndef handler(event, context):\n    print('begun')\n    time.sleep(60)\n", timeout=60)
    begun = threading.Event()
    calls: list[Invocation] = []
    thread = threading.Thread(target=lambda: calls.append(function.invoke({}, log=lambda _: begun.set())))
    thread.start()
    assert begun.wait(60)
    with Stopwatch() as stopwatch:
        function.close()
        thread.join()
    assert stopwatch.seconds < 10

    assert failed(calls[0]) == ("Runtime.Closed", "the function was closed while it was running")
    assert failed(function.invoke({})) == ("Runtime.Closed", "the function is closed")


STARTS_OTHERS = """
import os, subprocess, sys, time
def handler(event, context):
    # One in the same group, one that has left it, and one whose parent is gone.
    commands = [[sys.executable, "-c", "import time; time.sleep(60)"]] * 2
    pids = [subprocess.Popen(c, start_new_session=bool(n)).pid for n, c in enumerate(commands)]
    pids.append(int(subprocess.check_output(["/bin/sh", "-c", "sleep 60 >/dev/null & echo $!"])))
    print(os.getpid(), *pids)
    time.sleep(event["seconds"])
    return [os.getpid(), *pids]
"""


@pytest.mark.parametrize("seconds", [0, 60])
def test_what_a_plugin_has_started_ends_with_it(start: Start, seconds: int) -> None:
    function = start(STARTS_OTHERS, timeout=4 if seconds else 60, memory_size=512)
    call = function.invoke({"seconds": seconds})
    assert (call.error is None) == (seconds == 0)
    pids = [int(pid) for pid in call.logs[0].split()]
    function.close()

    assert len(pids) == 4
    assert not any(is_alive(pid) for pid in pids)


CALLER = """
import sys
from pathlib import Path
from biot_provider.emulator.functions.runtime import Function, FunctionSettings
settings = FunctionSettings("guard", sys.argv[2], "index.handler", 60, 512, {})
function = Function(Path(sys.argv[1]), settings)
function.invoke({"seconds": 60}, log=lambda line: print(line, flush=True))
"""
BUSY_NODE = "export const handler = () => { console.log(process.pid); for (;;); };"


@pytest.mark.parametrize(("file", "code"), [("index.py", STARTS_OTHERS), ("index.mjs", BUSY_NODE)])
def test_nothing_outlives_a_caller_that_is_killed(
    tmp_path: Path, file: str, code: str, script: Callable[..., list[str]]
) -> None:
    (tmp_path / file).write_text(code)
    runtime = PYTHON if file.endswith(".py") else NODE
    caller = subprocess.Popen(script(CALLER, tmp_path, runtime), stdout=subprocess.PIPE, text=True)
    try:
        assert caller.stdout is not None
        pids = [int(pid) for pid in caller.stdout.readline().split()]
        assert pids
        assert all(is_alive(pid) for pid in pids)
    finally:
        caller.kill()
        caller.communicate()
    wait_for_the_end_of(*pids)


def test_a_scratch_folder_is_the_plugins_own_and_goes_with_it(start: Start) -> None:
    code = "import os, tempfile\ndef handler(event, context):\n    return tempfile.mkstemp(text=True)[1]\n"
    function = start(code)
    file = Path(function.invoke({}).answer)
    assert file.exists()
    function.close()
    assert not file.parent.exists()


def test_a_process_that_ends_between_calls_is_replaced_without_a_word(start: Start) -> None:
    code = "import os\ndef handler(event, context): return os.getpid()\n"
    function = start(code)
    pid = function.invoke({}).answer
    os.kill(pid, signal.SIGKILL)
    wait_for_the_end_of(pid)
    process = function._process
    assert process is not None
    while not process.has_ended:
        time.sleep(0.01)

    call = function.invoke({})
    assert call.error is None
    assert call.answer != pid


def test_a_callers_own_exception_leaves_no_process_behind(start: Start) -> None:
    function = start("import os, time\ndef handler(event, context):\n    print(os.getpid())\n    time.sleep(60)\n")
    seen: list[str] = []

    def log(line: str) -> None:
        seen.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        function.invoke({}, log=log)
    assert not is_alive(int(seen[0]))
