"""The provider as the engine runs it: a process of its own, spoken to over gRPC, its platform embedded in it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

from biot_provider.emulator import Platform
from biot_provider.provider.plugin import PluginProvider

SECRET_MARK = "4dabf18193072939515e22adb298388d"
PROVIDER = serialize_provider(PluginProvider())


def struct(values: Mapping[str, Any]) -> Struct:
    message: Struct = ParseDict(dict(values), Struct())
    return message


def revealed(value: Any) -> Any:
    """As the engine keeps it between calls: secrets without their marks, for this provider takes none."""
    if isinstance(value, dict):
        return revealed(value["value"]) if SECRET_MARK in value else {k: revealed(v) for k, v in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


class Engine:
    """What the engine asks of the provider's process, with plain dicts for messages."""

    def __init__(self, folder: Path, port: str, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.folder = folder
        self._calls = provider_pb2_grpc.ResourceProviderStub(self.channel)

    def configure(self, **config: str) -> None:
        args = {f"biot:{key}": value for key, value in config.items()}
        self._calls.Configure(provider_pb2.ConfigureRequest(args=struct(args)))

    def check(self, news: dict[str, Any], olds: dict[str, Any] | None = None) -> Any:
        news = {"__provider": PROVIDER, "__owner": "project/dev/guard", "name": "guard", **news}
        return self._calls.Check(provider_pb2.CheckRequest(olds=struct(olds or {}), news=struct(news)))

    def inputs(self, **news: Any) -> dict[str, Any]:
        answer = self.check(news)
        assert not answer.failures, answer.failures
        values: dict[str, Any] = MessageToDict(answer.inputs)
        return values

    def diff(self, state: dict[str, Any], news: dict[str, Any]) -> Any:
        request = provider_pb2.DiffRequest(id="guard", olds=struct(revealed(state)), news=struct(revealed(news)))
        return self._calls.Diff(request)

    def create(self, news: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        answer = self._calls.Create(provider_pb2.CreateRequest(properties=struct(revealed(news))))
        return answer.id, MessageToDict(answer.properties)

    def read(self, state: dict[str, Any]) -> Any:
        return self._calls.Read(provider_pb2.ReadRequest(id="guard", properties=struct(revealed(state))))

    def update(self, state: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(id="guard", olds=struct(revealed(state)), news=struct(revealed(news)))
        values: dict[str, Any] = MessageToDict(self._calls.Update(request).properties)
        return values

    def delete(self, state: dict[str, Any]) -> None:
        self._calls.Delete(provider_pb2.DeleteRequest(id="guard", properties=struct(revealed(state))))


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Engine]]:
    """Starts provider processes in the project's folder; each ends with the test."""
    for name in ("BIOT_BASE_URL", "BIOT_SERVICE_ID", "BIOT_SERVICE_SECRET_KEY", "BIOT_LOG"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:

        def begin(*address: str, **config: str) -> Engine:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-u", "-m", "pulumi.dynamic", *address],
                    cwd=tmp_path,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            engine = Engine(tmp_path, process.stdout.readline().strip(), process)
            stack.callback(engine.channel.close)
            engine.configure(**({"baseUrl": "embedded"} | config))
            return engine

        yield begin


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """The platform that the processes have embedded, seen from outside."""
    with Platform(tmp_path / ".biot" / "dev") as platform:
        yield platform


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "guard"
    folder.mkdir()
    (folder / "index.py").write_text("def handler(event, context): ...\n")
    return folder


def test_a_plugin_lives_its_life(start: Callable[..., Engine], platform: Platform, code: Path) -> None:
    engine = start()
    variables = {"environment_variables": {"TOKEN": "canary-value"}}
    inputs = engine.inputs(code="guard", runtime="python3.13", **variables)
    assert inputs["environment_variables"]["TOKEN"][SECRET_MARK]
    name, state = engine.create(inputs)
    assert (name, state["version"], state["environment_variables"]["TOKEN"]["value"]) == ("guard", 1, "canary-value")
    assert state["environment_variables"]["TOKEN"][SECRET_MARK]
    assert engine.diff(state, inputs) == provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    (code / "index.py").write_text("def handler(event, context): return {}\n")
    news = engine.inputs(code="guard", runtime="python3.13", timeout=30, **variables)
    diff = engine.diff(state, news)
    assert diff.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(diff.diffs) == ["code", "code_digest", "code_files", 'code_files["index.py"]', "timeout", "version"]
    state = engine.update(state, news)
    assert (state["version"], state["timeout"]) == (2, 30)

    read = engine.read(state)
    assert read.id == "guard"
    assert MessageToDict(read.properties) == state
    assert MessageToDict(read.inputs) == news

    engine.delete(state)
    assert platform.plugins.search({})["data"] == []
    gone = engine.read(state)
    assert (gone.id, set(MessageToDict(gone.properties))) == ("", {"__provider"})


def test_a_preview_with_values_not_known_yet_goes_through(start: Callable[..., Engine], platform: Platform) -> None:
    engine = start()
    inputs = engine.inputs(code=UNKNOWN, environment_variables={"URL": UNKNOWN, "MODE": "strict"})
    assert inputs["code"] == UNKNOWN
    assert inputs["environment_variables"]["URL"] == UNKNOWN
    _, state = engine.create(engine.inputs(environment_variables={"URL": "x1", "MODE": "strict"}))
    assert engine.diff(state, inputs).changes == provider_pb2.DiffResponse.DIFF_SOME


def test_failures_name_no_property_to_the_engine(start: Callable[..., Engine]) -> None:
    answer = start().check({"environment_variables": {"BIOT_X": "canary-value"}, "timeout": 0})
    assert [failure.property for failure in answer.failures] == ["", ""]
    assert sorted(failure.reason.partition(":")[0] for failure in answer.failures) == [
        "environment_variables.BIOT_X",
        "timeout",
    ]


def test_an_error_is_one_line_that_stands_alone(start: Callable[..., Engine], platform: Platform) -> None:
    platform.plugins.create({"name": "guard", "displayName": "x", "version": 1}, None, "http://x")
    engine = start()
    with pytest.raises(grpc.RpcError) as raised:
        engine.create(engine.inputs())
    lines = str(raised.value.details()).strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("BioT: create plugin 'guard': a plugin of that name exists already and carries no stamp")


def test_missing_configuration_is_reported_by_check_and_by_every_other_operation(start: Callable[..., Engine]) -> None:
    engine = start(baseUrl="")
    [failure] = engine.check({}).failures
    for key in ("biot:baseUrl", "biot:serviceId", "biot:serviceSecretKey"):
        assert f"{key} is not set: run `pulumi config set" in failure.reason
    with pytest.raises(grpc.RpcError, match="biot:baseUrl is not set"):
        engine.delete({"__provider": PROVIDER, "name": "guard"})


@pytest.mark.parametrize("fault", ["kill", "kill-after-commit"])
def test_a_provider_killed_in_a_create_leaves_one_plugin_at_most_and_the_next_run_repairs(
    start: Callable[..., Engine], platform: Platform, code: Path, fault: str
) -> None:
    platform.faults.add(fault, method="POST", path="/plugins")
    engine = start()
    inputs = engine.inputs(code="guard", runtime="python3.13")
    with pytest.raises(grpc.RpcError):
        engine.create(inputs)
    assert len(platform.plugins.search({})["data"]) == (1 if fault == "kill-after-commit" else 0)

    _, state = start().create(inputs)
    [row] = platform.plugins.search({})["data"]
    assert (row["version"], state["version"], state["code_digest"]) == (1, 1, inputs["code_digest"])
    assert platform.code("guard") is not None


@pytest.mark.parametrize("fault", ["kill", "kill-after-commit"])
def test_a_provider_killed_in_an_update_of_code_is_repaired_by_the_next_run(
    start: Callable[..., Engine], platform: Platform, code: Path, fault: str
) -> None:
    engine = start()
    _, state = engine.create(engine.inputs(code="guard", runtime="python3.13"))
    (code / "index.py").write_text("def handler(event, context): return {}\n")
    news = engine.inputs(code="guard", runtime="python3.13", timeout=30)
    platform.faults.add(fault, method="PATCH")
    with pytest.raises(grpc.RpcError):
        engine.update(state, news)

    state = start().update(state, news)
    assert (state["version"], state["timeout"]) == (2, 30)
    assert platform.plugins.get("Plugin-guard")["version"] == 2
    assert len([r for r in platform.requests() if r["method"] == "PATCH" and r["acted"] and r["status"] == 200]) <= 1


def test_the_worker_threads_share_one_login(start: Callable[..., Engine], platform: Platform) -> None:
    engine = start()
    names = [f"plugin-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: engine.create(engine.inputs(name=name))[0], names))
    assert made == names
    assert len([r for r in platform.requests() if r["path"].endswith("/accessToken")]) == 1


def test_it_ends_when_the_engine_was_killed_and_no_operation_runs(
    start: Callable[..., Engine], platform: Platform
) -> None:
    platform.faults.add(method="POST", path="/plugins$", when="before", latency=5)
    with (
        socket.create_server(("127.0.0.1", 0), reuse_port=True) as listening,
        socket.socket() as holder,
        ThreadPoolExecutor() as pool,
    ):
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(listening.getsockname())  # so that nobody else listens on that port when the engine is gone
        engine = start(f"127.0.0.1:{listening.getsockname()[1]}")
        creating = pool.submit(engine.create, engine.inputs())
        while not platform.faults.all()[0]["struck"]:
            assert not creating.done()
            time.sleep(0.05)
        listening.close()
        assert engine.process.wait(timeout=120) == 1
    assert platform.plugins.get("Plugin-guard")["version"] == 1


def test_an_address_where_no_engine_ever_was_ends_nothing(start: Callable[..., Engine]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # taken, but nothing listens
        engine = start(f"127.0.0.1:{silent.getsockname()[1]}")
        engine.inputs()
        with pytest.raises(subprocess.TimeoutExpired):
            engine.process.wait(timeout=7)
