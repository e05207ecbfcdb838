"""Ctrl-C while the native provider works: the run ends soon, says what became of it, and the next one converges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from biot_provider.emulator.http.server import running

from ...stopwatch import Stopwatch
from ..conftest import NATIVE, Project

pytestmark = pytest.mark.story

SOON = 5.0
"""Seconds after Ctrl-C in which a run has ended."""
SLOW = 20.0

BEFORE: dict[str, Any] = {"when": "before", "latency": SLOW}
AFTER: dict[str, Any] = {"when": "after", "latency": SLOW}
BUSY: dict[str, Any] = {"kind": "unavailable", "headers": {"Retry-After": "10"}, "times": None}


@pytest.fixture(params=["embedded", "http"])
def connected(project: Project, request: pytest.FixtureRequest) -> Iterator[Project]:
    """A project whose platform is in the provider's process, or on a port."""
    if request.param == "embedded":
        yield project
        return
    with running(project.platform_folder) as address:
        project.config |= {"biot:baseUrl": address, "biot:serviceId": project.platform.service_id}
        project.set_secret("biot:serviceSecretKey", project.platform.service_secret_key)
        yield project


def interrupted(project: Project, reached: Callable[[], object]) -> tuple[str, float]:
    """What an `up` prints that gets Ctrl-C once this is reached, and how long it took from there."""
    project.prepare_stack()
    with subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color", "never"],
        cwd=project.root,
        env=project.environment | {"PULUMI_STACK": project.stack},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:
        waited = time.monotonic() + 120
        while not reached() and time.monotonic() < waited:
            assert run.poll() is None
            time.sleep(0.02)
        time.sleep(0.5)
        with Stopwatch() as stopwatch:
            os.killpg(run.pid, signal.SIGINT)  # what a terminal does
            printed, _ = run.communicate(timeout=180)
        return printed, stopwatch.seconds


@pytest.mark.parametrize(
    ("fault", "shown", "recorded"),
    [
        (BEFORE, "create plugin 'hello': cancelled", False),
        (AFTER, "", True),
        (BUSY, "create plugin 'hello'", False),
    ],
    ids=["a slow create", "a slow answer", "a wait to repeat"],
)
def test_a_run_ends_soon_and_the_next_one_converges(
    connected: Project, fault: dict[str, Any], shown: str, recorded: bool
) -> None:
    project = connected
    project.program(NATIVE + 'declare("Plugin", "hello", code="plugins/hello")')
    project.platform.faults.add(method="POST", path="/plugins$", **fault)
    printed, seconds = interrupted(project, lambda: any(f["struck"] for f in project.platform.faults.all()))
    assert seconds < SOON, printed
    assert shown in printed, printed
    assert "Traceback" not in printed
    exported = json.loads(project.pulumi("stack", "export").succeeded().stdout)
    assert exported["deployment"].get("pending_operations", []) == []
    assert ("hello" in project.resources()) is recorded, printed

    project.platform.faults.clear()
    time.sleep(0.5)
    project.up().succeeded()
    assert project.names() == {"hello"}
    assert project.preview("--refresh").succeeded().unchanged
    assert project.shown("hello")["version"] == 1
