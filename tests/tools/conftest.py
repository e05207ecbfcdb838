"""The engine's tools as they are used: by their command, with real processes, files and calls."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

SOURCES = Path(__file__).resolve().parents[2] / "tools" / "engine"


def run_tool(code: str, env: dict[str, str] | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that has the engine's tools importable."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n{code}"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout)


def script(file: Path, text: str = "exit 0") -> Path:
    """Write an executable shell script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def eventually(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def commands_naming(text: str) -> list[str]:
    """The command lines of the running processes that contain this text."""
    found = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in found if text in line]


@pytest.fixture(scope="session")
def own_host() -> Path:
    """The folder of the CLI with this project's language host, even where the project uses another."""
    code = """
import builder, cache, progress
with progress.Progress() as shown, cache.locked(shown):
    if cache.flaw(cache.folder_of(cache.ENGINE)):
        builder.build(cache.ENGINE, shown)
print(cache.folder_of(cache.ENGINE) / "bin")
"""
    done = run_tool(code, timeout=1800)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@dataclass
class Project:
    """A Pulumi project in a folder of its own, with a backend, a home and a stack `dev` of its own."""

    folder: Path
    env: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, program: str, **options: str) -> None:
        """The program, and the options of its runtime."""
        (self.folder / "__main__.py").write_text(program)
        options = options or {"virtualenv": sys.prefix}
        lines = "".join(f"    {name}: {value}\n" for name, value in options.items())
        (self.folder / "Pulumi.yaml").write_text(f"name: tiny\nruntime:\n  name: python\n  options:\n{lines}")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of the CLI, as in a terminal of its own."""
        process = subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def pulumi(self, *arguments: str) -> tuple[int, str]:
        """Run a command of the CLI to its end; its exit code and what it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output


def _project(own_host: Path, folder: Path) -> Project:
    env = {
        **os.environ,
        "PATH": f"{own_host}:{os.environ['PATH']}",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }
    env = {name: value for name, value in env.items() if name not in ("VIRTUAL_ENV", "PULUMI_PYTHON_CMD")}
    return Project(folder / "project", env)


@pytest.fixture(scope="session")
def made_project(own_host: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of a project with its stack, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("project", "state", "home"):
        (folder / name).mkdir()
    project = _project(own_host, folder)
    project.write("")
    code, output = project.pulumi("stack", "init", "dev")
    assert code == 0, output
    return folder


@pytest.fixture
def project(own_host: Path, made_project: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(made_project, tmp_path, dirs_exist_ok=True)
    project = _project(own_host, tmp_path)
    yield project
    for process in project.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()
