"""The native provider under the methods of a dynamic one: each call is a message as the engine sends it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto.status_pb2 import Status
from pydantic.alias_generators import to_camel

from biot_provider.lifecycle.codec import Secret, without_secrets
from biot_provider.lifecycle.connection import Connection
from biot_provider.lifecycle.fields import Mark, marked
from biot_provider.lifecycle.names import camel_case, snake_case
from biot_provider.native.properties import decoded, encoded
from biot_provider.native.servicer import BiotServicer
from biot_provider.plugin.model import PluginInputs, PluginState

DYNAMIC = "__provider"
"""What a dynamic provider leaves in state."""
_MODELS = (PluginInputs, PluginState)
_SECRET = {*marked(PluginInputs, Mark.SECRET), *marked(PluginState, Mark.SECRET)}


class BioT(Exception):  # noqa: N818
    """The line with which a call ends; its name is that under which the engine shows a dynamic provider's.

    ``half_made`` is what the engine keeps in state all the same.
    """

    def __init__(self, line: str, half_made: CreateResult | None) -> None:
        super().__init__(line)
        self.half_made = half_made


class _Context:
    """What a call sees of gRPC."""

    def __init__(self) -> None:
        self._half_made: CreateResult | None = None

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes]]) -> None:
        failed = proto.ErrorResourceInitFailed()
        assert Status.FromString(metadata[0][1]).details[0].Unpack(failed)
        self._half_made = CreateResult(failed.id, _properties(failed.properties))

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        assert code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INVALID_ARGUMENT)
        raise BioT(details, self._half_made)


class NativePluginProvider:
    """Plugins by the native provider; properties are in snake case, without the marks of secrets.

    A state with ``__provider`` arrives as the dynamic provider has written it.
    """

    def connect(self, connection: Connection) -> None:
        """Begin a run over this connection."""
        self.connection = connection
        self._servicer = BiotServicer(None)
        self._servicer._connect(connection)

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        given = {key: value for key, value in news.items() if key != "__owner"}
        request = proto.CheckRequest(urn=_urn(news), olds=_struct(olds), news=_struct(given))
        response = self._call("Check", request)
        failures = [CheckFailure(failure.property, failure.reason) for failure in response.failures]
        return CheckResult(_properties(response.inputs), failures)

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any], ignored: Collection[str] = ()) -> DiffResult:
        old_inputs = {key: value for key, value in olds.items() if key in PluginInputs.model_fields or key == DYNAMIC}
        response = self._call(
            "Diff",
            proto.DiffRequest(
                id=id_,
                urn=_urn(news),
                olds=_struct(olds),
                old_inputs=_struct(old_inputs),
                news=_struct(news),
                ignoreChanges=map(to_camel, ignored),
            ),
        )
        named = tuple(f"{name}{end}" for name in response.diffs for end in (".", "["))
        assert all(path in response.diffs or path.startswith(named) for path in response.detailedDiff)
        assert {*response.replaces} <= {*response.diffs}
        return DiffResult(
            changes=response.changes == proto.DiffResponse.DIFF_SOME,
            replaces=[*snake_case(dict.fromkeys(response.replaces), *_MODELS)],
            delete_before_replace=response.deleteBeforeReplace,
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        response = self._call("Create", proto.CreateRequest(urn=_urn(props), properties=_struct(props)))
        return CreateResult(response.id, _properties(response.properties))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        response = self._call("Read", proto.ReadRequest(id=id_, urn=_urn(props), properties=_struct(props)))
        if not response.id:
            return ReadResult("", {})
        return ReadResult(response.id, _properties(response.properties), _properties(response.inputs))

    def update(
        self, id_: str, olds: dict[str, Any], news: dict[str, Any], ignored: Collection[str] = ()
    ) -> UpdateResult:
        response = self._call(
            "Update",
            proto.UpdateRequest(
                id=id_,
                urn=_urn(news),
                olds=_struct(olds),
                news=_struct(news),
                ignoreChanges=map(to_camel, ignored),
            ),
        )
        return UpdateResult(_properties(response.properties))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        self._call("Delete", proto.DeleteRequest(id=id_, urn=_urn(props), properties=_struct(props)))

    def _call(self, name: str, request: Any) -> Any:
        sent = type(request).FromString(request.SerializeToString())
        return getattr(self._servicer, name)(sent, _Context())


def _urn(properties: Mapping[str, Any]) -> str:
    """The URN of the resource whose owner stands in the properties."""
    project, stack, path = str(properties["__owner"]).split("/", 2)
    parents, _, name = path.rpartition("::")
    return f"urn:pulumi:{stack}::{project}::{parents and parents + '$'}biot:index:Plugin::{name}"


def _struct(properties: Mapping[str, Any]) -> Struct:
    values = {name: _marked(value) if name in _SECRET else value for name, value in properties.items()}
    return encoded(values if DYNAMIC in values else camel_case(values, *_MODELS))


def _marked(value: Any) -> Any:
    """Each value of a map by itself, as the provider's own answers mark them."""
    return {key: Secret(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _properties(struct: Struct) -> dict[str, Any]:
    return snake_case(without_secrets(decoded(struct)), *_MODELS)
