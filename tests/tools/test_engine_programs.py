"""Programs run by the real engine through the project's language host."""

import signal
import subprocess

import pytest

from .conftest import Project, alive, eventually

UP = ("up", "--yes", "--skip-preview", "--stack", "dev")

RESOURCE = """
import sys
import pulumi
from pulumi.runtime.config import is_config_secret
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("the-id", props | {"prefix": sys.prefix})

class Word(Resource):
    word: pulumi.Output[str]
    prefix: pulumi.Output[str]
    def __init__(self, name, word):
        super().__init__(Provider(), name, {"word": word, "prefix": None})

print("to standard output")
print("to standard error", file=sys.stderr)
config = pulumi.Config()
pulumi.export("plain", config.require("plain"))
pulumi.export("hidden", config.require_secret("hidden"))
word = Word("one", "hello")
pulumi.export("word", word.word)
pulumi.export("same", word.prefix.apply(lambda prefix: prefix == sys.prefix))
pulumi.export("trial", pulumi.runtime.is_dry_run())
pulumi.export("kept", [name for name in ("plain", "hidden") if is_config_secret(f"tiny:{name}")])
"""

ENDLESS = """
import os, pathlib, signal, subprocess, sys, time
child = subprocess.Popen(["sleep", "300"])
pathlib.Path("interrupts").write_text("ignored" if signal.getsignal(signal.SIGINT) == signal.SIG_IGN else "heard")
pathlib.Path("pids.part").write_text(f"{os.getpid()} {os.getppid()} {child.pid}")
os.rename("pids.part", "pids")
time.sleep(300)
"""


def test_a_stack_goes_through_its_whole_life(project: Project) -> None:
    project.write(RESOURCE)
    values = ("--plaintext", "plain=visible value", "--secret", "hidden=a secret value")
    assert project.pulumi("config", "set-all", *values, "--stack", "dev")[0] == 0

    code, output = project.pulumi("up", "--yes", "--stack", "dev")
    assert code == 0, output
    assert "2 to create" in output
    assert "trial : true" in output
    assert 'plain : "visible value"' in output
    assert "hidden: [secret]" in output
    assert "a secret value" not in output
    assert 'word  : "hello"' in output
    assert "same  : true" in output, "the provider runs in the virtual environment of the program"
    assert "trial : false" in output
    assert '[0]: "hidden"' in output
    assert '"plain"' not in output
    assert "to standard output" in output
    assert "to standard error" in output

    code, output = project.pulumi("refresh", "--yes", "--skip-preview", "--stack", "dev")
    assert code == 0, output
    assert "2 unchanged" in output

    code, output = project.pulumi("destroy", "--yes", "--skip-preview", "--stack", "dev")
    assert code == 0, output
    assert "2 deleted" in output


def test_an_exception_is_shown_once_with_the_programs_own_frames(project: Project) -> None:
    project.write("def deeper():\n    raise ValueError('no such thing')\n\ndeeper()")
    code, output = project.pulumi(*UP)
    assert code != 0
    assert output.count("ValueError: no such thing") == 1
    assert '__main__.py", line 2, in deeper' in output
    assert "exit code" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_every_process_without_a_traceback(project: Project, number: signal.Signals) -> None:
    project.write(ENDLESS)
    process, pids = _running(project)
    # The engine interrupts the program too, which would print a traceback.
    assert (project.folder / "interrupts").read_text() == "ignored"
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "update canceled" in output
    assert "Traceback" not in output
    assert "KeyboardInterrupt" not in output
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_nothing_outlives_an_engine_that_was_killed(project: Project) -> None:
    project.write(ENDLESS)
    process, pids = _running(project)
    process.kill()
    process.wait()
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def _running(project: Project) -> tuple[subprocess.Popen[str], list[int]]:
    """An update that is in the middle of its program, with the processes of the program, its host and its child."""
    process = project.start(*UP)
    pids = project.folder / "pids"
    assert eventually(lambda: pids.exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()[0]
    running = [int(pid) for pid in pids.read_text().split()]
    assert all(alive(pid) for pid in running)
    return process, running
