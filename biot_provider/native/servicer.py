"""Pulumi's provider protocol: each call decodes properties, runs an operation on them, and encodes the result."""

from __future__ import annotations

import pkgutil
import sys
import threading
from collections.abc import Collection, Mapping
from importlib.resources import files
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.dynamic.dynamic import PROVIDER_KEY
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto.engine_pb2 import INFO, WARNING, LogRequest
from pulumi.runtime.proto.engine_pb2_grpc import EngineStub
from pulumi.runtime.proto.plugin_pb2 import PluginInfo
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer
from pydantic.alias_generators import to_camel

from biot_provider._version import __version__
from biot_provider.config import NAMESPACE, SECRET_KEYS
from biot_provider.errors import ConfigError, InputError, Notice, coded
from biot_provider.lifecycle.codec import Secret, is_unknown, without_secrets
from biot_provider.lifecycle.connection import Connection
from biot_provider.lifecycle.fields import Mark, marked
from biot_provider.lifecycle.kind import ResourceKind
from biot_provider.lifecycle.operations import Operations
from biot_provider.lifecycle.owner import Urn
from biot_provider.lifecycle.paths import with_ignored
from biot_provider.native.call import Call, answer, current_call
from biot_provider.native.detailed_diff import detailed_diff
from biot_provider.native.functions import FUNCTIONS
from biot_provider.native.properties import decoded, encoded

KINDS: Mapping[str, str] = {
    "biot:index:Plugin": "biot_provider.plugin.kind:PluginKind",
    "biot:index:PluginImage": "biot_provider.image.kind:PluginImageKind",
    "biot:index:ServiceUser": "biot_provider.service_user.kind:ServiceUserKind",
    "biot:index:ServiceUserKey": "biot_provider.service_user.key_kind:ServiceUserKeyKind",
    "biot:index:InterceptionSubscription": "biot_provider.subscription.kind:InterceptionKind",
    "biot:index:NotificationSubscription": "biot_provider.subscription.kind:NotificationKind",
}
"""The kind of each type, as ``module:class``, imported for the first resource of the type."""


class BiotServicer(ResourceProviderServicer):
    """The provider of one run; lines that it reports go to the engine at ``engine_address``."""

    def __init__(self, engine_address: str | None) -> None:
        self._engine = EngineStub(grpc.insecure_channel(engine_address)) if engine_address else None
        self._owner = ""
        self._lock = threading.Lock()
        self._connect(Connection(ConfigError("BioT connection: the provider is not configured", "BIOT-1009")))

    def Handshake(self, request: proto.ProviderHandshakeRequest, context: Any) -> proto.ProviderHandshakeResponse:
        """Accept marked secrets."""
        return proto.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: Empty, context: Any) -> PluginInfo:
        """Return the distribution's version."""
        return PluginInfo(version=__version__)

    def GetSchema(self, request: proto.GetSchemaRequest, context: Any) -> proto.GetSchemaResponse:
        """Return the schema, which tools/generate writes from the models."""
        return proto.GetSchemaResponse(schema=files(__package__).joinpath("schema.json").read_text("utf-8"))

    def CheckConfig(self, request: proto.CheckRequest, context: Any) -> proto.CheckResponse:
        """Mark credentials as secret even if set without ``--secret``, since the engine keeps them in state."""
        given = decoded(request.news)
        marks = {key: Secret(without_secrets(value)) for key, value in given.items() if key in SECRET_KEYS}
        return proto.CheckResponse(inputs=encoded(given | marks))

    def DiffConfig(self, request: proto.DiffRequest, context: Any) -> proto.DiffResponse:
        """Report no change: another address, identity or setting replaces no resource."""
        old, new = without_secrets(decoded(request.old_inputs)), without_secrets(decoded(request.news))
        changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
        return proto.DiffResponse(changes=_changes(bool(changed)), diffs=changed)

    def Configure(self, request: proto.ConfigureRequest, context: Any) -> proto.ConfigureResponse:
        """Store the connection's configuration; the first operation reports its errors."""
        given = without_secrets(decoded(request.args))
        known = {f"{NAMESPACE}:{key}": value for key, value in given.items() if not is_unknown(value)}
        urn = Urn.parse(request.urn)
        self._owner = urn.owner if urn else ""
        self._connect(Connection.configured(known.get))
        return proto.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Empty, context: Any) -> Empty:
        """Cancel everything that runs. The engine also calls this at the normal end of a run."""
        self.connection.cancel()
        return Empty()

    def Check(self, request: proto.CheckRequest, context: Any) -> proto.CheckResponse:
        """Find every invalid input, and fill in missing ones, beginning with the resource's name."""
        operations = self._of(request, context)

        def work(call: Call) -> proto.CheckResponse:
            given = call.plain("news") | {"__owner": call.owner}
            if given.get("name") is None and "name" in operations.kind.inputs.model_fields:
                given["name"] = call.resource_name
            checked = operations.check(call.plain("olds"), given)
            # A failure names no property, since the engine would print the property's whole value.
            failures = [proto.CheckFailure(reason=call.shown(str(problem))) for problem in checked.problems]
            return proto.CheckResponse(
                inputs=request.news if failures else call.encoded(checked.inputs), failures=failures
            )

        return answer(request, operations, context, work)

    def Diff(self, request: proto.DiffRequest, context: Any) -> proto.DiffResponse:
        """Compare state and inputs; report the paths at which the inputs differ."""
        operations = self._of(request, context)

        def work(call: Call) -> proto.DiffResponse:
            old, given = call.plain("olds"), call.plain("news")
            new = _without_ignored(call, operations, old, given, request.ignoreChanges)
            diff = operations.diff(request.id, old, new)
            changed = call.camel_case(dict.fromkeys(diff.changed))
            replaces = call.camel_case(dict.fromkeys(diff.replaces))
            is_moved = PROVIDER_KEY in old
            if is_moved and not changed:
                self._show(Notice("the state becomes one of this provider; nothing is written to the platform"))
            details = detailed_diff(
                call.camel_case(call.plain("old_inputs")), call.camel_case(new), [*changed], [*replaces]
            )
            return proto.DiffResponse(
                changes=_changes(bool(changed) or diff.is_due or is_moved),
                replaces=[*replaces],
                deleteBeforeReplace=bool(changed) and diff.delete_before_replace,
                diffs=sorted(changed),
                detailedDiff=details,
                hasDetailedDiff=bool(details),
            )

        return answer(request, operations, context, work)

    def Create(self, request: proto.CreateRequest, context: Any) -> proto.CreateResponse:
        """Create the resource, or in a preview return the outputs that are known."""
        operations = self._of(request, context)

        def work(call: Call) -> proto.CreateResponse:
            given = call.plain("properties")
            if request.preview:
                return proto.CreateResponse(properties=call.encoded(operations.previewed({}, given, ())))
            made = operations.create(given, request.timeout or None)
            return proto.CreateResponse(id=made.id, properties=call.encoded(made.outputs))

        return answer(request, operations, context, work)

    def Read(self, request: proto.ReadRequest, context: Any) -> proto.ReadResponse:
        """Read a resource that is in state, or is being imported; an empty response means that it does not exist."""
        operations = self._of(request, context)

        def work(call: Call) -> proto.ReadResponse:
            known = {"__owner": call.owner} | (call.plain("properties") or call.plain("inputs"))
            found = operations.read(request.id, known)
            if found is None:
                return proto.ReadResponse()
            return proto.ReadResponse(
                id=found.id, properties=call.encoded(found.outputs), inputs=call.encoded(found.inputs)
            )

        return answer(request, operations, context, work)

    def Update(self, request: proto.UpdateRequest, context: Any) -> proto.UpdateResponse:
        """Update the resource, or in a preview return the outputs that are known."""
        operations = self._of(request, context)

        def work(call: Call) -> proto.UpdateResponse:
            old, given = call.plain("olds"), call.plain("news")
            new = _without_ignored(call, operations, old, given, request.ignoreChanges)
            if request.preview:
                changed = operations.diff(request.id, old, new).changed
                return proto.UpdateResponse(properties=call.encoded(operations.previewed(old, new, changed)))
            moved = operations.moved(request.id, old, new) if PROVIDER_KEY in old else None
            updated = moved or operations.update(request.id, old, new, request.timeout or None)
            return proto.UpdateResponse(properties=call.encoded(updated.outputs))

        return answer(request, operations, context, work)

    def Delete(self, request: proto.DeleteRequest, context: Any) -> Empty:
        """Delete the resource; if it is gone already, that is a success."""
        operations = self._of(request, context)

        def work(call: Call) -> Empty:
            operations.delete(request.id, call.plain("properties"), request.timeout or None)
            return Empty()

        return answer(request, operations, context, work)

    def Invoke(self, request: proto.InvokeRequest, context: Any) -> proto.InvokeResponse:
        """Call a function."""

        def work(call: Call) -> proto.InvokeResponse:
            function = FUNCTIONS.get(request.tok)
            if function is None:
                raise InputError(
                    f"there is no function {request.tok}", "BIOT-2301", advice=f"call one of {', '.join(FUNCTIONS)}"
                )
            result = function(self.connection.client(self._owner), call.plain("args"))
            returned: Any = {"return": encoded(result)}  # not a valid name of a Python argument
            return proto.InvokeResponse(**returned)

        return answer(request, None, context, work)

    def _connect(self, connection: Connection) -> None:
        self.connection = connection
        self._operations: dict[str, Operations[Any, Any]] = {}

    def _of(self, request: Any, context: grpc.ServicerContext) -> Operations[Any, Any]:
        """Return the operations of the request's kind; a URN of an unknown kind ends the call."""
        urn = Urn.parse(request.urn)
        token = urn.types[-1] if urn and urn.types else ""
        if token not in KINDS:
            kinds = ", ".join(KINDS)
            message = f"{request.urn!r} is no resource of biot: its type must be one of {kinds}"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, coded(message, "BIOT-2301"))
        with self._lock:
            if token not in self._operations:
                kind: ResourceKind[Any, Any] = pkgutil.resolve_name(KINDS[token])()
                self._operations[token] = Operations(kind, self.connection, self._show)
            return self._operations[token]

    def _show(self, notice: Notice) -> None:
        """Show one line, with its resource."""
        call = current_call()
        if call is not None and call.hides(notice.explains):
            return
        severity = WARNING if notice.is_warning else INFO
        text = notice.line if call is None else call.shown(notice.line)
        if self._engine is None:
            sys.stderr.write(f"{text}\n")
        else:
            self._engine.Log(LogRequest(severity=severity, message=text, urn=call.urn if call else ""))


def _changes(changes: bool) -> proto.DiffResponse.DiffChanges.ValueType:
    return proto.DiffResponse.DIFF_SOME if changes else proto.DiffResponse.DIFF_NONE


def _without_ignored(
    call: Call, operations: Operations[Any, Any], old: Mapping[str, Any], new: dict[str, Any], ignored: Collection[str]
) -> dict[str, Any]:
    """Return the inputs, with the state's values where changes are ignored.

    If changes of the content are ignored, so are the inputs that follow from it, which the engine does not know.
    """
    if not ignored:
        return new
    declared = call.camel_case(without_secrets(operations.declared(old)))
    new = call.snake_case(with_ignored(call.camel_case(new), declared, ignored))
    content = {to_camel(name) for name in marked(operations.kind.inputs, Mark.CONTENT)}
    if content.isdisjoint(ignored):
        return new
    return new | {name: old.get(name) for name in marked(operations.kind.inputs, Mark.FILLED_IN) if name in old}
