"""One call of the engine on a resource: its properties, and the redaction of its messages.

An error is reported as one line. Every line that is shown uses the names of the schema, and no secret of the call.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto.provider_pb2 import ErrorResourceInitFailed
from pulumi.runtime.proto.status_pb2 import Status

from biot_provider.api.redaction import Redaction, texts
from biot_provider.api.request_log import is_debugging
from biot_provider.errors import DEFECT, BiotError, coded
from biot_provider.lifecycle.codec import without_secrets
from biot_provider.lifecycle.fields import Mark, marked
from biot_provider.lifecycle.kind import HalfMadeError
from biot_provider.lifecycle.names import camel_case, camel_text, own_keys, snake_case
from biot_provider.lifecycle.operations import Operations
from biot_provider.lifecycle.owner import Urn
from biot_provider.native.properties import decoded, encoded, marked_like, secret_values

ResultT = TypeVar("ResultT")
Properties = Mapping[str, Any]


class Call:
    """A call that a thread handles. ``properties`` are the request's, by the name of its field, with secrets marked."""

    def __init__(self, request: Any, operations: Operations[Any, Any] | None) -> None:
        self.urn: str = getattr(request, "urn", "")
        self._operations = operations
        self._models = () if operations is None else (operations.kind.inputs, operations.kind.state)
        self.properties: Mapping[str, dict[str, Any]] = {
            field.name: snake_case(decoded(value), *self._models)
            for field, value in request.ListFields()
            if isinstance(value, Struct)
        }
        always = {name for model in self._models for name in marked(model, Mark.SECRET)}
        secrets = [given.get(name) for given in self.properties.values() for name in always]
        self._redaction = Redaction(texts(without_secrets([*secret_values(self.properties), *secrets])))

    def _own_keys(self) -> set[str]:
        return {key for given in self.properties.values() for key in own_keys(without_secrets(given), *self._models)}

    def plain(self, field: str) -> dict[str, Any]:
        """Return the properties in a field of the request, without the marks of secrets; empty if it has none."""
        properties: dict[str, Any] = without_secrets(self.properties.get(field, {}))
        return properties

    @property
    def owner(self) -> str:
        """The resource, in the form of a stamp's owner."""
        return self._parsed_urn.owner

    @property
    def resource_name(self) -> str:
        """The resource's name in its program."""
        return self._parsed_urn.name

    @property
    def _parsed_urn(self) -> Urn:
        found = Urn.parse(self.urn)
        assert found is not None  # noqa: S101 (calls with another URN do not get here)
        return found

    def encoded(self, properties: Properties) -> Struct:
        """Return properties by the schema's names, secret where the call's own properties are."""
        return encoded(self.camel_case(marked_like({**properties}, *self.properties.values())))

    def camel_case(self, properties: Properties) -> dict[str, Any]:
        """Return properties by the schema's names."""
        return camel_case(properties, *self._models)

    def snake_case(self, properties: Properties) -> dict[str, Any]:
        """Return properties by the fields' names."""
        return snake_case(properties, *self._models)

    def half_made(self, error: HalfMadeError) -> ErrorResourceInitFailed:
        """Return the error details that make the engine keep the resource in state, so that the next run updates it."""
        assert self._operations is not None  # noqa: S101 (no other call creates a resource)
        made = self._operations.resource(*error.found)
        return ErrorResourceInitFailed(
            id=made.id,
            properties=self.encoded(made.outputs),
            inputs=self.encoded(made.inputs),
            reasons=[self.shown(str(error))],
        )

    def hides(self, text: str) -> bool:
        """Return whether the text contains a secret."""
        return self._redaction(text) != text

    def shown(self, text: str) -> str:
        """Return a message for the user, by the schema's names and without secrets."""
        return camel_text(self._redaction(text), *self._models, keys=self._own_keys())


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call | None:
    """Return the call that this thread handles."""
    return _current.get()


def answer(
    request: Any,
    operations: Operations[Any, Any] | None,
    context: grpc.ServicerContext,
    work: Callable[[Call], ResultT],
) -> ResultT:
    """Return the result of ``work`` on a request; an error ends the call, with one line."""
    try:
        call = Call(request, operations)
    except Exception as error:
        # Its secrets are not known, so the error's own text is never shown.
        _abort(context, coded(_defect(error), DEFECT), [])
    return _answer(call, context, work)


def _answer(  # noqa: RET503  (abort does not return)
    call: Call, context: grpc.ServicerContext, work: Callable[[Call], ResultT]
) -> ResultT:
    token = _current.set(call)
    try:
        return work(call)
    except BiotError as error:
        text = call.shown(_trace(error) or str(error))
        details = [call.half_made(error)] if isinstance(error, HalfMadeError) else []
    except Exception as error:
        # The text of such an error may contain secrets: it is shown only when debugging.
        text = coded(f"{_defect(error)} (set BIOT_LOG=debug to see the error's own text)", DEFECT)
        text = call.shown(_trace(error) or text)
        details = []
    finally:
        _current.reset(token)
    _abort(context, text, details)


def _defect(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"a defect of biot-provider, please report it: {type(error).__name__} in {place.name}, line {place.lineno}"


def _abort(context: grpc.ServicerContext, text: str, details: list[ErrorResourceInitFailed]) -> NoReturn:
    """End the call with an error; the details are sent as a google.rpc.Status."""
    if details:
        status = Status(code=grpc.StatusCode.UNKNOWN.value[0], message=text)
        for detail in details:
            status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, text)


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error)) if is_debugging(os.environ) else ""
