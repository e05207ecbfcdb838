"""Runs that are interrupted or killed in the middle of a write: the next one repairs what they left.

Of a provider that is killed too see tests/provider/plugin/test_process.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ..conftest import HANDLER, NATIVE, ROOT, Project

End = Callable[[subprocess.Popen[bytes]], None]
"""How a run is ended."""
SLOW = 2.0
"""Seconds the platform takes for the write that is interrupted."""


def interrupted_twice(run: subprocess.Popen[bytes]) -> None:
    """Ctrl-C in a terminal, twice: it goes to the whole group."""
    os.killpg(run.pid, signal.SIGINT)
    time.sleep(0.3)
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGINT)


def killed(run: subprocess.Popen[bytes]) -> None:
    """The engine alone is killed; the dynamic provider's process lives on and finishes its write."""
    run.kill()


def all_killed(run: subprocess.Popen[bytes]) -> None:
    """The engine and everything it started are killed."""
    os.killpg(run.pid, signal.SIGKILL)


def run_until(project: Project, asked: str, end: End, reached: Callable[[], object] = lambda: True) -> None:
    """Start an `up`, end it while the platform is working on the request `asked`, and wait until all is quiet.

    It is not ended before `reached` holds.
    """
    project.prepare_stack()
    before = _delayed(project)
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    with subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment | {"PULUMI_STACK": project.stack},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run:
        waited = time.monotonic() + 120
        while not any(fault["struck"] for fault in project.platform.faults.all()) and time.monotonic() < waited:
            assert run.poll() is None, f"the run ended before {asked} was asked"
            time.sleep(0.02)
        time.sleep(0.2)
        while not reached():
            assert run.poll() is None
            time.sleep(0.02)
        end(run)
        run.wait(timeout=120)
    # An orphaned provider may still finish its write: that is the point.
    ends = time.monotonic() + 120
    while (left := _running_in(project.root)) and _delayed(project) == before and time.monotonic() < ends:
        time.sleep(0.2)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _delayed(project: Project) -> int:
    """How many requests that a fault delays have ended."""
    return len([entry for entry in project.platform.requests() if entry["fault"] == "latency"])


def _running_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder.resolve()):
                found.append(process)
    return found


@pytest.mark.parametrize(
    ("adapter", "create", "update"),
    [
        ("dynamic", (interrupted_twice, "before"), (killed, "before")),
        pytest.param("dynamic", (killed, "after"), (interrupted_twice, "after"), marks=pytest.mark.story),
        pytest.param("native", (interrupted_twice, "before"), (interrupted_twice, "after"), marks=pytest.mark.story),
        pytest.param("native", (killed, "after"), (killed, "before"), marks=pytest.mark.story),
    ],
)
def test_a_run_ended_in_the_middle_of_a_write_is_made_good_by_the_next_up(
    project: Project, adapter: str, create: tuple[End, str], update: tuple[End, str]
) -> None:
    if adapter == "native":
        project.program(f'{NATIVE}\ndeclare("Plugin", "hello", code="plugins/hello", timeout=7)')
    else:
        project.declare({"hello": {"code": "plugins/hello", "timeout": 7}})
    project.platform.faults.add(method="POST", path="/plugins$", when=create[1], latency=SLOW)
    run_until(project, "POST", create[0])
    project.pulumi("cancel", "--yes")
    project.up().succeeded()
    assert project.names() == {"hello"}
    shown = project.shown("hello")
    assert (shown["timeout"], shown["version"]) == (7, 1)
    assert len([entry for entry in project.requests("POST") if entry["status"] == 201]) == 1

    project.platform.faults.clear()
    project.file("plugins/hello/index.js", HANDLER + "// second\n")
    project.platform.faults.add(method="PATCH", path="/plugins/", when=update[1], latency=SLOW)
    run_until(project, "PATCH", update[0])
    project.pulumi("cancel", "--yes")
    project.up().succeeded()
    assert project.deployed_files("hello")["index.js"].endswith(b"// second\n")
    assert project.shown("hello")["version"] == project.resources()["hello"]["outputs"]["version"] == 2
    assert project.preview("--refresh").succeeded().unchanged


def test_without_checkpoints_a_run_that_was_killed_is_made_good_by_the_next_up_as_well(project: Project) -> None:
    """What the guide to stacks says of PULUMI_SKIP_CHECKPOINTS."""
    assert "PULUMI_SKIP_CHECKPOINTS=true" in (ROOT / "docs/guides/stacks.md").read_text()
    project.environment["PULUMI_SKIP_CHECKPOINTS"] = "true"
    names = {"one", "two", "three", "four"}
    project.declare({name: {"code": "plugins/hello", "timeout": 7} for name in names})
    project.platform.faults.add(method="POST", path="/plugins$", when="after", skip=1, latency=4 * SLOW)
    run_until(project, "POST", all_killed, lambda: len(project.names()) >= 2)
    made = project.names()
    assert project.resources() == {}
    project.pulumi("cancel", "--yes")
    output = project.up().succeeded().output
    assert {name for name in names if f"plugin {name!r} existed already" in output} == made
    assert project.names() == names
    assert len([entry for entry in project.requests("POST") if entry["status"] == 201]) == len(names)
