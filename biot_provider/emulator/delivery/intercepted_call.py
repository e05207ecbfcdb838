"""A call of an API that can be intercepted, and the resulting change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from biot_provider.emulator.access.identity import Holder


def trace_id_of(traceparent: str) -> str:
    """Return the W3C trace id of the header `traceparent`."""
    return traceparent.split("-")[1]


@dataclass(frozen=True)
class InterceptedRequest:
    """A request in the form that interceptors see and may change."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """Names are in lower case; the caller's token is included."""
    body: Any


@dataclass(frozen=True)
class InterceptedCall:
    """A call of an API that passes through its interceptors."""

    holder: Holder
    method: str
    entity: str
    api_id: str
    variables: Mapping[str, str]
    """The path's value for each placeholder of the API."""
    traceparent: str
    request: InterceptedRequest

    @property
    def trace_id(self) -> str:
        """The W3C trace id."""
        return trace_id_of(self.traceparent)

    def at(self, variables: Mapping[str, str]) -> InterceptedCall:
        """Return the call with these values for the placeholders."""
        return replace(self, variables=variables)

    def changed(self, wanted: Mapping[str, Any]) -> InterceptedCall:
        """Return the call with the request's members replaced by an interceptor's; only the body may become null."""
        request, headers = self.request, wanted.get("headers")
        given = InterceptedRequest(
            path=wanted.get("path") or request.path,
            query=request.query if wanted.get("queryParameters") is None else wanted["queryParameters"],
            headers=request.headers if headers is None else {name.lower(): value for name, value in headers.items()},
            body=wanted.get("body", request.body),
        )
        return replace(self, request=given)


@dataclass(frozen=True)
class Change:
    """The change of an entity by a call, for notifications."""

    action: str
    template: str
    entity: Mapping[str, Any]
    old: Mapping[str, Any] | None
    started: float
    ended: float
