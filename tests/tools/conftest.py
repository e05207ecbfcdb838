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

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "tools" / "engine"


def run_tool(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that has the engine's tools importable."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n{code}"]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
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
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def commands_naming(text: str) -> list[str]:
    """The command lines of the running processes that contain this text."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text in line:
            found.append(line)
    return found


@pytest.fixture(scope="session")
def engine() -> Path:
    """The folder of the Pulumi CLI that the project uses on this machine."""
    done = subprocess.run([sys.executable, SOURCES / "ensure.py"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def stand_in(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with that CLI and our language host, even where the project uses the vendor's."""
    if (engine.parent / "python").exists():
        return engine
    made = tmp_path_factory.mktemp("engine") / "made"
    code = f"""
from pathlib import Path
import builder, progress
made = Path({str(made)!r})
builder.host_python(made / "python", progress.Progress())
builder.assemble(made, Path({str(engine)!r}))
"""
    done = run_tool(code)
    assert done.returncode == 0, done.stderr
    return made / "bin"


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
        output, _ = process.communicate(timeout=60)
        return process.returncode, output


@pytest.fixture
def project(stand_in: Path, tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "project"
    state = tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    env = {
        **os.environ,
        "PATH": f"{stand_in}:{os.environ['PATH']}",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }
    env = {name: value for name, value in env.items() if name not in ("VIRTUAL_ENV", "PULUMI_PYTHON_CMD")}
    project = Project(folder, env)
    project.write("")
    code, output = project.pulumi("stack", "init", "dev")
    assert code == 0, output
    yield project
    for process in project.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.fixture(scope="session")
def uv() -> Path:
    """The folder of the `uv` command."""
    found = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert found, "the tests of the uv toolchain need uv: it is among the development dependencies"
    return Path(found).parent
