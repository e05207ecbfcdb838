"""Programs run by the real engine through the stand-in language host."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from .conftest import Project, alive, eventually

UP = ("up", "--yes", "--skip-preview", "--stack", "dev")

RESOURCE = """
import pulumi
from pulumi.runtime.config import is_config_secret
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("the-id", props)

class Word(Resource):
    word: pulumi.Output[str]
    def __init__(self, name, word):
        super().__init__(Provider(), name, {"word": word})

config = pulumi.Config()
pulumi.export("plain", config.require("plain"))
pulumi.export("hidden", config.require_secret("hidden"))
pulumi.export("word", Word("one", "hello").word)
pulumi.export("trial", pulumi.runtime.is_dry_run())
pulumi.export("kept", [name for name in ("plain", "hidden") if is_config_secret(f"tiny:{name}")])
"""

ENDLESS = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen(["sleep", "300"])
pathlib.Path("pids.part").write_text(f"{os.getpid()} {os.getppid()} {child.pid}")
os.rename("pids.part", "pids")
time.sleep(300)
"""


def test_a_stack_goes_through_its_whole_life(project: Project) -> None:
    project.write(RESOURCE)
    assert project.pulumi("config", "set", "plain", "visible value", "--stack", "dev")[0] == 0
    assert project.pulumi("config", "set", "--secret", "hidden", "a secret value", "--stack", "dev")[0] == 0

    code, output = project.pulumi("preview", "--stack", "dev")
    assert code == 0, output
    assert "2 to create" in output
    assert "trial : true" in output

    code, output = project.pulumi(*UP)
    assert code == 0, output
    assert 'plain : "visible value"' in output
    assert "hidden: [secret]" in output
    assert "a secret value" not in output
    assert 'word  : "hello"' in output
    assert "trial : false" in output
    assert '[0]: "hidden"' in output
    assert '"plain"' not in output

    for command in ("refresh --yes", "preview"):
        code, output = project.pulumi(*command.split(), "--stack", "dev")
        assert code == 0, output
        assert "2 unchanged" in output

    code, output = project.pulumi("destroy", "--yes", "--stack", "dev")
    assert code == 0, output
    assert "2 deleted" in output


def test_what_the_program_prints_is_shown(project: Project) -> None:
    project.write("import sys\nprint('to standard output')\nprint('to standard error', file=sys.stderr)")
    code, output = project.pulumi(*UP)
    assert code == 0, output
    assert "to standard output" in output
    assert "to standard error" in output


def test_an_exception_is_shown_once_with_the_programs_own_frames(project: Project) -> None:
    project.write("def deeper():\n    raise ValueError('no such thing')\n\ndeeper()")
    code, output = project.pulumi(*UP)
    assert code != 0
    assert output.count("ValueError: no such thing") == 1
    assert '__main__.py", line 2, in deeper' in output
    assert "language_host" not in output
    assert "exit code" not in output


def test_an_exit_code_is_named(project: Project) -> None:
    project.write("import sys\nsys.exit(3)")
    code, output = project.pulumi(*UP)
    assert code != 0
    assert "Program exited with non-zero exit code: 3" in output


def test_a_program_killed_by_a_signal_is_an_error(project: Project) -> None:
    project.write("import os\nos.kill(os.getpid(), 9)")
    code, output = project.pulumi(*UP)
    assert code != 0
    assert "Program was ended by signal 9" in output


def test_a_folder_that_is_no_virtual_environment_is_refused_with_the_commands_that_make_one(project: Project) -> None:
    (project.folder / "venv").mkdir()
    (project.folder / "venv" / "something").touch()
    project.write("", virtualenv="venv")
    code, output = project.pulumi(*UP)
    assert code != 0
    assert "doesn't appear to be a virtual environment" in output
    assert f"python3 -m venv {project.folder}/venv" in output


def test_a_type_checker_finds_an_error_before_the_program_runs(project: Project) -> None:
    project.write("print('it ran')\nnumber: int = 'text'", virtualenv=sys.prefix, typechecker="mypy")
    code, output = project.pulumi(*UP)
    assert code != 0
    assert "Incompatible types in assignment" in output
    assert "mypy failed: exit status 1" in output
    assert "it ran" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_every_process_without_a_traceback(project: Project, number: signal.Signals) -> None:
    project.write(ENDLESS)
    process, pids = _running(project)
    assert _ignores_interrupts(pids[0]), "the engine interrupts the program too, which would print a traceback"
    process.send_signal(number)
    output, _ = process.communicate(timeout=10)
    assert process.returncode != 0
    assert "update canceled" in output
    assert "Traceback" not in output
    assert "KeyboardInterrupt" not in output
    assert eventually(lambda: not any(alive(pid) for pid in pids), 5)


def test_nothing_outlives_an_engine_that_was_killed(project: Project) -> None:
    project.write(ENDLESS)
    process, pids = _running(project)
    process.kill()
    process.wait()
    assert eventually(lambda: not any(alive(pid) for pid in pids), 5)


def test_about_knows_the_programs_python_and_its_packages(project: Project) -> None:
    code, output = project.pulumi("about", "--json", "--stack", "dev")
    assert code == 0, output
    about = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert about["runtime"]["executable"] == f"{sys.prefix}/bin/python"
    assert about["runtime"]["version"] == sys.version.split()[0]
    assert "pytest-mock" in {one["name"] for one in about["dependencies"]}
    assert "grpcio" not in {one["name"] for one in about["dependencies"]}, "pulumi requires it"


def test_install_creates_the_virtual_environment_and_shows_what_it_does(project: Project) -> None:
    project.write("", toolchain="pip", virtualenv="venv")
    (project.folder / "requirements.txt").write_text("typing-extensions\n")
    code, output = project.pulumi("install")
    assert code == 0, output
    assert "Creating virtual environment..." in output
    assert "Successfully installed typing-extensions" in output
    python = project.folder / "venv" / "bin" / "python"
    assert subprocess.run([python, "-c", "import typing_extensions"]).returncode == 0


def test_install_fails_with_what_pip_said(project: Project) -> None:
    # Without a virtual environment and without an index: nothing is installed anywhere.
    project.env |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PULUMI_PYTHON_CMD": sys.executable}
    project.write("", toolchain="pip")
    (project.folder / "requirements.txt").write_text("no-such-distribution\n")
    code, output = project.pulumi("install")
    assert code != 0
    assert "ERROR: No matching distribution found for" in output
    assert f"via '{sys.executable} -m pip install" in output


def test_uv_runs_the_program_in_the_environment_beside_the_project_file(project: Project, uv: Path) -> None:
    project.env["PATH"] += f":{uv}"
    program = """
import os, sys, pulumi
pulumi.export("prefix", sys.prefix)
pulumi.export("active", os.environ["VIRTUAL_ENV"])
pulumi.export("first", os.environ["PATH"].split(":")[0])
"""
    project.write(program, toolchain="uv")
    environment = _environment(project.folder / ".venv")
    code, output = project.pulumi(*UP)
    assert code == 0, output
    assert f'prefix: "{environment}"' in output
    assert f'active: "{environment}"' in output
    assert f'first : "{environment}/bin"' in output


def test_a_missing_environment_is_made_and_a_missing_sdk_is_explained(project: Project, uv: Path) -> None:
    project.env["PATH"] += f":{uv}"
    project.write("", toolchain="uv")
    code, output = project.pulumi(*UP)
    assert code != 0
    assert (project.folder / ".venv" / "bin" / "python").exists()
    assert "It looks like the Pulumi SDK has not been installed. Have you run pip install?" in output
    assert "Program exited with non-zero exit code: 1" in output


def test_uv_installs_what_the_project_declares(project: Project, uv: Path) -> None:
    project.env["PATH"] += f":{uv}"
    project.write("", toolchain="uv")
    (project.folder / "requirements.txt").write_text("typing-extensions\n")
    code, output = project.pulumi("install")
    assert code == 0, output
    assert "typing-extensions" in (project.folder / "pyproject.toml").read_text()
    assert not (project.folder / "requirements.txt").exists()
    python = project.folder / ".venv" / "bin" / "python"
    assert subprocess.run([python, "-c", "import typing_extensions"]).returncode == 0


def _running(project: Project) -> tuple[subprocess.Popen[str], list[int]]:
    """An update that is in the middle of its program, with the processes of the program, its host and its child."""
    process = project.start(*UP)
    pids = project.folder / "pids"
    assert eventually(lambda: pids.exists() or process.poll() is not None, 20)
    assert process.poll() is None, process.communicate()[0]
    running = [int(pid) for pid in pids.read_text().split()]
    assert all(alive(pid) for pid in running)
    return process, running


def _ignores_interrupts(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) & 1 << signal.SIGINT - 1)


def _environment(folder: Path) -> Path:
    """A virtual environment that sees the packages of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "these.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    assert os.access(folder / "bin" / "python", os.X_OK)
    return folder
