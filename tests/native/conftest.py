"""The native provider behind a gRPC server on loopback, spoken to as the engine does, its platform embedded in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto.engine_pb2 import LogRequest

from biot_provider.emulator import Platform
from biot_provider.native.servicer import BiotServicer

from ..uncoded import uncoded

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
HANDLER = "def handler(event, context):\n    return {'statusCode': 200}\n"


def secret(value: Any) -> dict[str, Any]:
    """The value as a secret travels."""
    return {SIGNATURE: SECRET, "value": value}


def struct(values: Mapping[str, Any]) -> Struct:
    message: Struct = ParseDict(dict(values), Struct())
    return message


def revealed(value: Any) -> Any:
    """The value without the marks of secrets."""
    if isinstance(value, dict):
        return revealed(value["value"]) if SIGNATURE in value else {k: revealed(v) for k, v in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


def urn(kind: str, name: str, *, parents: str = "") -> str:
    return f"urn:pulumi:dev::shop::{parents}biot:index:{kind}::{name}"


class _Log(engine_pb2_grpc.EngineServicer):
    def __init__(self) -> None:
        self.lines: list[LogRequest] = []

    def Log(self, request: LogRequest, context: Any) -> Empty:  # noqa: N802
        self.lines.append(request)
        return Empty()


@dataclass
class Engine:
    """What the engine asks about one resource, with plain dicts for properties."""

    calls: provider_pb2_grpc.ResourceProviderStub
    platform: Platform
    folder: Path
    logged: list[LogRequest]
    urn: str = field(default_factory=lambda: urn("Plugin", "guard"))

    def configure(self, **args: Any) -> None:
        given = {"baseUrl": f"embedded:{self.folder / 'platform'}"} | args
        variables = {f"biot:config:{key}": str(revealed(value)) for key, value in given.items()}
        provider = "urn:pulumi:dev::shop::pulumi:providers:biot::default"
        request = proto.ConfigureRequest(urn=provider, args=struct(given), variables=variables, acceptSecrets=True)
        self.calls.Configure(request)

    def code(self, text: str = "") -> str:
        """A folder with a handler in Python, and this text behind it."""
        (self.folder / "code").mkdir(exist_ok=True)
        (self.folder / "code" / "index.py").write_text(HANDLER + text)
        return str(self.folder / "code")

    def check(self, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> proto.CheckResponse:
        response: proto.CheckResponse = self.calls.Check(
            proto.CheckRequest(urn=self.urn, olds=struct(olds or {}), news=struct(news), randomSeed=bytes(32))
        )
        return response

    def inputs(self, **news: Any) -> dict[str, Any]:
        """Inputs as Check hands them on."""
        response = self.check(news)
        assert not response.failures, response.failures
        return MessageToDict(response.inputs)

    def reasons(self, **news: Any) -> list[str]:
        """What Check has against these inputs; each is one line, and names no property, whose value would be shown."""
        failures = self.check(news).failures
        assert {failure.property for failure in failures} <= {""}
        assert not any("\n" in failure.reason for failure in failures)
        return [uncoded(failure.reason) for failure in failures]

    def diff(self, state: Mapping[str, Any], olds: Any, news: Any, ignore: tuple[str, ...] = ()) -> proto.DiffResponse:
        response: proto.DiffResponse = self.calls.Diff(
            proto.DiffRequest(
                id="guard",
                urn=self.urn,
                olds=struct(state),
                old_inputs=struct(olds),
                news=struct(news),
                ignoreChanges=ignore,
            )
        )
        return response

    def create(self, inputs: Mapping[str, Any], *, preview: bool = False, timeout: float = 0) -> tuple[str, Any]:
        request = proto.CreateRequest(urn=self.urn, properties=struct(inputs), preview=preview, timeout=timeout)
        response = self.calls.Create(request)
        return response.id, MessageToDict(response.properties)

    def read(self, id_: str, state: Mapping[str, Any] | None = None, inputs: Any = None) -> proto.ReadResponse:
        given = None if inputs is None else struct(inputs)
        response: proto.ReadResponse = self.calls.Read(
            proto.ReadRequest(id=id_, urn=self.urn, properties=struct(state or {}), inputs=given)
        )
        return response

    def update(
        self,
        state: Any,
        olds: Any,
        news: Any,
        *,
        id_: str = "guard",
        preview: bool = False,
        ignore: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        response = self.calls.Update(
            proto.UpdateRequest(
                id=id_,
                urn=self.urn,
                olds=struct(state),
                old_inputs=struct(olds),
                news=struct(news),
                preview=preview,
                ignoreChanges=ignore,
            )
        )
        return MessageToDict(response.properties)

    def delete(self, state: Mapping[str, Any], id_: str = "guard") -> None:
        self.calls.Delete(proto.DeleteRequest(id=id_, urn=self.urn, properties=struct(state)))

    def invoke(self, token: str, **arguments: Any) -> dict[str, Any]:
        response = self.calls.Invoke(proto.InvokeRequest(tok=token, args=struct(arguments)))
        return MessageToDict(getattr(response, "return"))

    def live(self, name: str = "guard") -> dict[str, Any]:
        """The plugin as the platform shows it."""
        return self.platform.plugins.get(f"Plugin-{name}")

    def writes(self) -> list[str]:
        return [r["method"] for r in self.platform.requests() if r["method"] != "GET" and "/plugins" in r["path"]]


def refused(act: Callable[[], Any], code: grpc.StatusCode = grpc.StatusCode.UNKNOWN) -> str:
    """The one line with which a call ends."""
    with pytest.raises(grpc.RpcError) as raised:
        act()
    error: Any = raised.value
    assert error.code() == code
    line = str(error.details())
    assert line
    assert "\n" not in line
    assert "Traceback" not in line
    assert "Exception calling application" not in line
    return line


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A provider that is configured."""
    for name in ("BIOT_BASE_URL", "BIOT_SERVICE_ID", "BIOT_SERVICE_SECRET_KEY", "BIOT_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    with ExitStack() as closing:
        platform = closing.enter_context(Platform(tmp_path / "platform"))

        def serve(add: Callable[..., None], servicer: Any) -> str:
            server = grpc.server(ThreadPoolExecutor())
            add(servicer, server)
            port = server.add_insecure_port("127.0.0.1:0")
            server.start()
            closing.callback(lambda: server.stop(0).wait())
            return f"127.0.0.1:{port}"

        log = _Log()
        servicer = BiotServicer(serve(engine_pb2_grpc.add_EngineServicer_to_server, log))
        address = serve(provider_pb2_grpc.add_ResourceProviderServicer_to_server, servicer)
        # The engine, in Go, takes this much of an error; gRPC for Python by default 8 KB, less than a trace has.
        channel = closing.enter_context(grpc.insecure_channel(address, [("grpc.max_metadata_size", 16 * 1024 * 1024)]))
        engine = Engine(provider_pb2_grpc.ResourceProviderStub(channel), platform, tmp_path, log.lines)
        engine.configure()
        yield engine
        for client in servicer.connection._clients.values():
            client.close()
