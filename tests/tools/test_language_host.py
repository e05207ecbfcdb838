"""The language host by itself, called as the engine calls it, with played Pythons."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from .conftest import alive, eventually, script

RECORD = """
printf '%s\\n' "$@" > {folder}/arguments
env > {folder}/environment
echo printed; echo complained >&2
exit ${{CODE:-0}}
"""


@dataclass
class Host:
    process: subprocess.Popen[str]
    engine: socket.socket
    """Listens where the host believes the engine to be."""
    calls: language_pb2_grpc.LanguageRuntimeStub
    folder: Path
    """Of the project, and where the host runs."""

    def info(self, **options: str | float) -> language_pb2.ProgramInfo:
        """The program, run by these options of Pulumi.yaml."""
        given = struct_pb2.Struct()
        given.update(options)
        return language_pb2.ProgramInfo(
            root_directory=str(self.folder), program_directory=str(self.folder), entry_point=".", options=given
        )

    def run(self, **options: str | float) -> language_pb2.RunResponse:
        response: language_pb2.RunResponse = self.calls.Run(language_pb2.RunRequest(info=self.info(**options)))
        return response

    def play_python(self, text: str) -> Path:
        """Put a script in place of the Python of the project's virtual environment `venv`."""
        return script(self.folder / "venv" / "bin" / "python", text.format(folder=self.folder))


@pytest.fixture
def host(own_host: Path, tmp_path: Path) -> Iterator[Host]:
    engine = socket.create_server(("127.0.0.1", 0))
    process = subprocess.Popen(
        [own_host / "pulumi-language-python", "--logtostderr", "-v=9", f"127.0.0.1:{engine.getsockname()[1]}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHOME": "/nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
        yield Host(process, engine, language_pb2_grpc.LanguageRuntimeStub(channel), tmp_path)
    engine.close()
    with contextlib.suppress(ProcessLookupError):
        # The whole group, what a played Python has started included.
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_the_host_has_the_version_of_its_cli(host: Host, own_host: Path) -> None:
    printed = subprocess.run([own_host / "pulumi", "version"], capture_output=True, text=True, check=True)
    assert host.calls.GetPluginInfo(empty_pb2.Empty()).version == printed.stdout.strip()


@pytest.mark.parametrize(
    "call, request_",
    [
        ("About", language_pb2.AboutRequest()),
        ("InstallDependencies", language_pb2.InstallDependenciesRequest()),
        ("GeneratePackage", language_pb2.GeneratePackageRequest()),
    ],
)
def test_what_only_the_vendors_host_does_is_refused_with_a_way_out(host: Host, call: str, request_: object) -> None:
    with pytest.raises(grpc.RpcError) as error:
        response = getattr(host.calls, call)(request_)
        list(response)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert f"does not answer {call}: install Pulumi itself (https://" in (error.value.details() or "")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"toolchain": "uv"}, "the 'toolchain' option in Pulumi.yaml is set to \"uv\", which this language host does"),
        ({"typechecker": "mypy"}, 'is set to "mypy", which this language host does not run: remove it, or install'),
        ({"virtualenv": 3}, "virtualenv option must be a string"),
        ({"virtualenv": "nowhere"}, 'is set to "nowhere", but "{folder}/nowhere" doesn\'t exist; run the following'),
        ({"virtualenv": "."}, "doesn't appear to be a virtual environment; run the following commands to create"),
        ({"virtualenv": "nowhere"}, "1. python3 -m venv {folder}/nowhere\n"),
    ],
)
def test_a_wrong_option_is_named(host: Host, options: dict[str, str | float], message: str) -> None:
    for call, request in (
        (host.calls.Run, language_pb2.RunRequest(info=host.info(**options))),
        (host.calls.GetRequiredPackages, language_pb2.GetRequiredPackagesRequest(info=host.info(**options))),
    ):
        with pytest.raises(grpc.RpcError) as error:
            call(request)
        assert message.format(folder=host.folder) in (error.value.details() or "")
        assert error.value.code() is grpc.StatusCode.UNKNOWN, "another code makes the engine try an older call"


def test_a_program_runs_in_the_virtual_environment_with_its_configuration(host: Host) -> None:
    host.play_python(RECORD)
    request = language_pb2.RunRequest(
        info=host.info(virtualenv="venv", toolchain="pip"),
        monitor_address="127.0.0.1:1",
        project="tiny",
        stack="dev",
        pwd=str(host.folder),
        dryRun=True,
        parallel=16,
        organization="organization",
        config={"tiny:word": "hello"},
        configSecretKeys=["tiny:word"],
        args=["more"],
    )
    assert host.calls.Run(request) == language_pb2.RunResponse()
    executor, *arguments = (host.folder / "arguments").read_text().splitlines()
    assert Path(executor).name == "pulumi-language-python-exec"
    assert Path(executor).is_file()
    engine = f"127.0.0.1:{host.engine.getsockname()[1]}"
    assert " ".join(arguments) == (
        f"--monitor 127.0.0.1:1 --engine {engine} --project tiny --root_directory {host.folder} --stack dev "
        f"--pwd {host.folder} --dry_run true --parallel 16 --organization organization . more"
    )
    environment = dict(
        line.split("=", 1) for line in (host.folder / "environment").read_text().splitlines() if "=" in line
    )
    assert environment["VIRTUAL_ENV"] == f"{host.folder}/venv"
    assert environment["PATH"] == f"{host.folder}/venv/bin:{os.environ['PATH']}"
    assert "PYTHONHOME" not in environment
    assert json.loads(environment["PULUMI_CONFIG"]) == {"tiny:word": "hello"}
    assert json.loads(environment["PULUMI_CONFIG_SECRET_KEYS"]) == ["tiny:word"]
    assert host.process.stdout
    assert host.process.stdout.readline() == "printed\n"
    assert host.process.stderr
    assert host.process.stderr.readline() == "complained\n"


@pytest.mark.parametrize(
    "ending, error, bail",
    [
        ("exit 0", "", False),
        ("exit 3", "Program exited with non-zero exit code: 3", False),
        ("exit 32", "", True),
        ("kill -9 $$", "Program was ended by signal: killed", False),
    ],
)
def test_a_programs_exit_code_becomes_its_outcome(host: Host, ending: str, error: str, bail: bool) -> None:
    host.play_python(ending)
    response = host.run(virtualenv="venv")
    assert (response.error, response.bail) == (error, bail)


def test_without_a_virtual_environment_the_python_on_path_runs_the_program(own_host: Path, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "python3", RECORD.format(folder=tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as engine:
        process = subprocess.Popen(
            [own_host / "pulumi-language-python", f"127.0.0.1:{engine.getsockname()[1]}"],
            env={"PATH": f"{tmp_path}/bin:/bin:/usr/bin", "CODE": "5"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            calls = language_pb2_grpc.LanguageRuntimeStub(channel)
            info = language_pb2.ProgramInfo(root_directory=str(tmp_path), entry_point=".")
            response = calls.Run(language_pb2.RunRequest(info=info))
        process.terminate()
        process.communicate()
    assert response.error == "Program exited with non-zero exit code: 5"
    environment = (tmp_path / "environment").read_text().splitlines()
    assert {"PULUMI_CONFIG={}", "PULUMI_CONFIG_SECRET_KEYS=[]"} <= set(environment)
    assert not any(line.startswith("VIRTUAL_ENV=") for line in environment)


def test_the_packages_of_the_programs_own_environment_count_and_the_projects_files_do_not(host: Host) -> None:
    (host.folder / "re.py").write_text("raise SystemExit('imported from the project')")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", host.folder / "venv"], check=True)
    site = next((host.folder / "venv").glob("lib/python*/site-packages"))
    (site / "pulumi_aws-7.1.0.dist-info").mkdir()
    (host.folder / "more" / "pulumi_random-4.0.0.dist-info").mkdir(parents=True)
    (site / "more.pth").write_text(f"{host.folder}/more\n")
    request = language_pb2.GetRequiredPackagesRequest(info=host.info(virtualenv="venv"))
    needed = host.calls.GetRequiredPackages(request).packages
    assert [(one.name, one.version, one.kind) for one in needed] == [
        ("aws", "v7.1.0", "resource"),
        ("random", "v4.0.0", "resource"),
    ]


def test_a_python_that_fails_is_named_with_what_it_printed(host: Host) -> None:
    python = host.play_python("echo no encodings >&2; exit 1")
    with pytest.raises(grpc.RpcError) as error:
        host.calls.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=host.info(virtualenv="venv")))
    assert f"{python} cannot list its packages: exit status 1: no encodings" in (error.value.details() or "")


def test_cancel_ends_what_runs_and_nothing_else(host: Host) -> None:
    call = _endless(host)
    pids = _pids(host)
    host.calls.Cancel(empty_pb2.Empty())
    with pytest.raises(grpc.RpcError):
        call.result(timeout=120)
    assert eventually(lambda: not alive(pids[1]))
    assert host.calls.GetPluginInfo(empty_pb2.Empty()).version


def test_a_program_whose_call_is_given_up_ends(host: Host) -> None:
    call = _endless(host)
    pids = _pids(host)
    call.cancel()
    assert eventually(lambda: not alive(pids[1]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_host_alone_ends_it_and_all_it_started(host: Host, number: signal.Signals) -> None:
    call = _endless(host)
    pids = _pids(host)
    host.process.send_signal(number)
    _, errors = host.process.communicate(timeout=120)
    assert host.process.returncode == 0
    assert errors == ""
    assert eventually(lambda: not any(alive(pid) for pid in pids))
    assert call.exception(timeout=120) is not None


def test_a_program_that_does_not_terminate_is_killed(host: Host) -> None:
    call = _endless(host, "trap '' TERM")
    pids = _pids(host)
    call.cancel()
    assert eventually(lambda: not alive(pids[1]))


def test_the_host_ends_when_nobody_listens_at_the_engines_address(host: Host) -> None:
    host.engine.close()
    assert host.process.wait(120) == 0


def _endless(host: Host, before: str = "") -> "grpc.Future[language_pb2.RunResponse]":
    """Run a program that does not end by itself, with a child of its own."""
    host.play_python(
        f"{before}\nsleep 300 &\necho $! $$ > {{folder}}/part && mv {{folder}}/part {{folder}}/pids; wait; wait"
    )
    call: grpc.Future[language_pb2.RunResponse] = host.calls.Run.future(
        language_pb2.RunRequest(info=host.info(virtualenv="venv"))
    )
    return call


def _pids(host: Host) -> list[int]:
    """The played Python's child, and the played Python itself."""
    file = host.folder / "pids"
    assert eventually(file.exists)
    pids = [int(pid) for pid in file.read_text().split()]
    assert all(alive(pid) for pid in pids)
    return pids
