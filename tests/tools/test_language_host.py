"""The language host by itself, called as the engine calls it."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from .conftest import alive, commands_naming, eventually, run_tool


@dataclass
class Host:
    process: subprocess.Popen[str]
    engine: socket.socket
    """Listens where the host believes the engine to be."""
    calls: language_pb2_grpc.LanguageRuntimeStub

    def info(self, folder: Path, **options: str) -> language_pb2.ProgramInfo:
        """A program in that folder."""
        given = struct_pb2.Struct()
        given.update(options)
        return language_pb2.ProgramInfo(
            root_directory=str(folder), program_directory=str(folder), entry_point=".", options=given
        )


@pytest.fixture
def host(stand_in: Path, tmp_path: Path) -> Iterator[Host]:
    # A Python that never answers, for the calls that shall be ended.
    slow = tmp_path / "slow"
    slow.write_text(
        f"#!/bin/sh\nsleep 300 & echo $! $$ > {tmp_path}/part && mv {tmp_path}/part {tmp_path}/pids && wait\n"
    )
    slow.chmod(0o755)
    engine = socket.create_server(("127.0.0.1", 0))
    process = _start(stand_in, engine.getsockname()[1], PULUMI_PYTHON_CMD=str(slow))
    assert process.stdout
    with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
        yield Host(process, engine, language_pb2_grpc.LanguageRuntimeStub(channel))
    engine.close()
    process.kill()
    process.communicate()


def _start(stand_in: Path, port: int, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [stand_in / "pulumi-language-python", "--logtostderr", "-v=9", f"127.0.0.1:{port}"],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_host_has_the_version_of_its_cli(host: Host, stand_in: Path) -> None:
    said = subprocess.run([stand_in / "pulumi", "version"], capture_output=True, text=True, check=True)
    assert f"v{host.calls.GetPluginInfo(empty_pb2.Empty()).version}" == said.stdout.strip()


@pytest.mark.parametrize(
    "call, request_",
    [
        ("RunPlugin", language_pb2.RunPluginRequest()),
        ("GeneratePackage", language_pb2.GeneratePackageRequest()),
        ("Pack", language_pb2.PackRequest()),
    ],
)
def test_what_only_the_vendors_host_does_is_refused_with_a_way_out(host: Host, call: str, request_: object) -> None:
    with pytest.raises(grpc.RpcError) as error:
        answer = getattr(host.calls, call)(request_)
        if call == "RunPlugin":
            list(answer)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert f"does not answer {call}: install Pulumi itself" in (error.value.details() or "")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"toolchain": "poetry"}, "which this stand-in language host does not run: set it to pip or uv"),
        ({"toolchain": "conda"}, "unsupported toolchain option: conda"),
        ({"typechecker": "pyre"}, "unsupported typechecker option: pyre"),
        ({"virtualenv": 3}, "virtualenv option must be a string"),
        ({"virtualenv": "nowhere"}, 'is set to "nowhere", but "{folder}/nowhere" doesn\'t exist; run the following'),
    ],
)
def test_a_wrong_option_is_named(host: Host, tmp_path: Path, options: dict[str, str], message: str) -> None:
    info = host.info(tmp_path, **options)
    with pytest.raises(grpc.RpcError) as error:
        host.calls.Run(language_pb2.RunRequest(info=info))
    assert message.format(folder=tmp_path) in (error.value.details() or "")
    assert "Traceback" not in (error.value.details() or "")


def test_a_new_project_is_asked_for_its_toolchain_and_then_its_environment(host: Host, tmp_path: Path) -> None:
    def asked(**options: str) -> dict[str, str]:
        request = language_pb2.RuntimeOptionsRequest(info=host.info(tmp_path, **options))
        answer = host.calls.RuntimeOptionsPrompts(request)
        return {prompt.key: prompt.default.stringValue for prompt in answer.prompts}

    assert asked() == {"toolchain": "pip"}
    assert asked(toolchain="pip") == {"virtualenv": "venv"}
    assert asked(toolchain="pip", virtualenv="venv") == {}


def test_packages_name_the_plugins_they_need(host: Host, tmp_path: Path) -> None:
    site = tmp_path / "venv" / f"lib/python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    declared = '{"resource": true, "name": "other", "version": "1.2.3", "server": "https://example.invalid"}'
    for name, version, plugin in [
        ("pulumi_aws", "7.1.0", None),
        ("pulumi_policy", "1.0.0", None),
        ("pulumi_random", "4.19.0a1700000000", '{"resource": true}'),
        ("pulumi_none", "1.0", '{"resource": false}'),
        ("someone_elses", "9", declared),
        ("unrelated", "1.0", None),
    ]:
        information = site / f"{name}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if plugin:
            (site / name).mkdir()
            (site / name / "pulumi-plugin.json").write_text(plugin)
    request = language_pb2.GetRequiredPackagesRequest(info=host.info(tmp_path, virtualenv="venv"))
    needed = host.calls.GetRequiredPackages(request).packages
    assert [(one.name, one.version, one.kind, one.server) for one in needed] == [
        ("aws", "v7.1.0", "resource", ""),
        ("random", "v4.19.0-alpha.1700000000", "resource", ""),
        ("other", "v1.2.3", "resource", "https://example.invalid"),
    ]


def test_cancel_ends_what_runs_and_nothing_else(host: Host, tmp_path: Path) -> None:
    call = host.calls.About.future(language_pb2.AboutRequest(info=host.info(tmp_path)))
    pids = _pids(tmp_path)
    host.calls.Cancel(empty_pb2.Empty())
    with pytest.raises(grpc.RpcError):
        call.result(timeout=10)
    assert eventually(lambda: not alive(pids[1]))
    assert host.calls.GetPluginInfo(empty_pb2.Empty()).version


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_host_alone_ends_it_and_all_it_started(
    host: Host, tmp_path: Path, number: signal.Signals
) -> None:
    call = host.calls.About.future(language_pb2.AboutRequest(info=host.info(tmp_path)))
    pids = _pids(tmp_path)
    host.process.send_signal(number)
    _, errors = host.process.communicate(timeout=10)
    assert host.process.returncode == 0
    assert errors == ""
    assert eventually(lambda: not any(alive(pid) for pid in pids), 2)
    assert call.exception(timeout=5) is not None


def test_the_host_ends_when_nobody_listens_at_the_engines_address(host: Host) -> None:
    host.engine.close()
    assert host.process.wait(15) == 0


def test_the_host_ends_with_the_process_that_started_it(stand_in: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as engine:
        address = f"127.0.0.1:{engine.getsockname()[1]}"
        command = f"{stand_in}/pulumi-language-python {address} & wait"
        with subprocess.Popen(["/bin/sh", "-c", command], stdout=subprocess.PIPE, text=True) as starter:
            assert starter.stdout
            assert starter.stdout.readline().strip().isdigit()
            assert any("language_host" in line for line in commands_naming(address))
            starter.kill()
        assert eventually(lambda: not commands_naming(address), 5)


def test_the_host_loads_the_stubs_and_not_the_sdk(stand_in: Path) -> None:
    code = textwrap.dedent("""
        import sys
        from language_host import stubs
        stubs.expose()
        from language_host import server
        print([name for name in ("pulumi.output", "yaml", "dill", "opentelemetry") if name in sys.modules])
    """)
    python = stand_in.parent / "python" / "bin" / "python"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_the_projects_own_files_do_not_change_what_the_host_imports(stand_in: Path, tmp_path: Path) -> None:
    (tmp_path / "grpc.py").write_text("raise SystemExit('imported from the project')")
    with socket.create_server(("127.0.0.1", 0)) as engine:
        process = subprocess.Popen(
            [stand_in / "pulumi-language-python", f"127.0.0.1:{engine.getsockname()[1]}"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        assert process.stdout.readline().strip().isdigit()
        process.terminate()
        process.communicate(timeout=10)


@pytest.mark.parametrize(
    "package, plugin",
    [
        ("1.2.3", "1.2.3"),
        ("1.2", "1.2.0"),
        ("1.2.3a4", "1.2.3-alpha.4"),
        ("1.2.3b4", "1.2.3-beta.4"),
        ("1.2.3rc4", "1.2.3-rc.4"),
        ("1.2.3.post4.dev5", "1.2.3+post4dev5"),
        ("1!2.3", "None"),
        ("1.2.3+local", "None"),
    ],
)
def test_a_packages_version_gives_its_plugins(package: str, plugin: str) -> None:
    done = run_tool(f"from language_host.packages import plugin_version; print(plugin_version({package!r}))")
    assert done.stdout.strip() == plugin, done.stderr


def _pids(folder: Path) -> list[int]:
    """The slow Python's child, and itself."""
    file = folder / "pids"
    assert eventually(file.exists)
    pids = [int(pid) for pid in file.read_text().split()]
    assert all(alive(pid) for pid in pids)
    return pids
