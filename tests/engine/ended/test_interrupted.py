"""Ctrl-C, once: what the guide says of it is so. A second one is among the runs of ``test_killed.py``."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from ..conftest import Project

SLOW = 8.0


def test_a_run_that_is_interrupted_once_finishes_what_it_began_and_begins_nothing_more(project: Project) -> None:
    names = {f"p{number}" for number in range(4)}
    project.declare({name: {"timeout": 7} for name in names})
    project.platform.faults.add(method="POST", path="/plugins$", latency=SLOW, times=None)
    project.prepare_stack()
    with subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--parallel", "2"],
        cwd=project.root,
        env=project.environment | {"PULUMI_STACK": project.stack},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as run:
        waited = time.monotonic() + 120
        while project.platform.faults.all()[0]["struck"] < 2:
            assert time.monotonic() < waited
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGINT)
        output = run.communicate(timeout=180)[0].decode()

    assert run.returncode != 0
    assert "error: update canceled" in output
    made = project.names()
    assert len(made) == 2, output
    assert set(project.resources()) == made
    project.platform.faults.clear()
    result = project.up().succeeded()
    assert result.changes == {"same": 3, "create": 2}
    assert project.names() == names
