"""`biot-provider invoke --watch`, and how Ctrl-C ends a run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from biot_provider.cli.invoke.interrupt import Interrupt

from .conftest import Made

COMMAND = [sys.executable, "-m", "biot_provider.cli", "invoke"]


@contextlib.contextmanager
def watching(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Callable[[str], str]]]:
    """The command that watches, and what reads its output up to a text."""
    process = subprocess.Popen(
        [*COMMAND, folder, "--watch"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = process.stdout
    assert output is not None
    # A test that waits for a line that never comes fails instead of hanging.
    timer = threading.Timer(240, process.kill)
    timer.start()

    def read(text: str) -> str:
        seen = ""
        while text not in seen:
            line = output.readline()
            assert line, f"{text!r} never came: {seen}"
            seen += line
        return seen

    try:
        yield process, read
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def test_it_runs_again_on_each_save_also_after_a_mistake_until_ctrl_c(made: Made) -> None:
    folder = made("def handler(event, context): return 'one'\n")
    with watching(folder) as (process, read):
        assert '"one"' in read("Ctrl-C ends")
        (folder / "index.py").write_text("def handler(event, context) return 'two'\n")
        assert "saved: index.py" in (seen := read("Ctrl-C ends"))
        assert "Runtime.UserCodeSyntaxError: index.py, line 1: " in seen
        (folder / "plugin.yaml").write_text("runtim: x\n")
        assert "runtim: unknown key; did you mean 'runtime'?" in read("Ctrl-C ends")
        made("def handler(event, context): return 'three'\n")
        read('"three"')  # two files are saved one after the other, so there may be a run in between
        read("Ctrl-C ends")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
        assert (process.returncode, rest) == (130, "")


def test_ctrl_c_that_python_drops_in_a_finalizer_ends_the_next_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    dropped: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", dropped.append)
    before = signal.getsignal(signal.SIGINT)
    interrupt = Interrupt()
    with interrupt.caught():
        interrupt.sleep(0)
        with interrupt.raised():
            Interrupted()
        assert [error.exc_type for error in dropped] == [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):
            interrupt.sleep(0)
        with pytest.raises(KeyboardInterrupt), interrupt.raised():
            pytest.fail("it runs once more")
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_a_wait_and_in_a_run_ends_them() -> None:
    for place in (Interrupt.raised, Interrupt.caught):
        interrupt = Interrupt()
        with interrupt.caught(), pytest.raises(KeyboardInterrupt), place(interrupt):
            signal.raise_signal(signal.SIGINT)
            interrupt.sleep(0)


def test_ctrl_c_ends_a_call_that_runs_and_its_process(made: Made) -> None:
    folder = made(
        "import os, time\ndef handler(event, context):\n    print(os.getpid())\n    time.sleep(60)\n", timeout=60
    )
    process = subprocess.Popen([*COMMAND, folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "log   |" in line)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
        assert (process.returncode, rest) == (130, "")
        with pytest.raises(ProcessLookupError):
            os.kill(int(line.rpartition(" ")[2]), 0)
    finally:
        process.kill()
        process.communicate()
