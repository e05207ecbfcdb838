"""Where a program declares a resource: programs of the automation API declare theirs in several threads at once."""

from __future__ import annotations

import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from biot_provider.program.call_site import program_frames


def test_threads_that_declare_at_once_leave_tracebacks_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "tracebacklimit", raising=False)  # the dynamic provider sets it in a process of its own
    at_once, interval = Barrier(4), sys.getswitchinterval()

    def declare() -> None:
        at_once.wait()
        for _ in range(500):
            with program_frames():
                traceback.extract_stack()

    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(declare) for _ in range(4)]:
                done.result()
        assert not hasattr(sys, "tracebacklimit")
    finally:
        sys.setswitchinterval(interval)
        vars(sys).pop("tracebacklimit", None)  # monkeypatch puts back what was there before
