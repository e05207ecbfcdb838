"""A call of an API that can be intercepted, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..access.identity import Holder


def trace_id_of(traceparent: str) -> str:
    """Return the W3C trace id of the header `traceparent`."""
    return traceparent.split("-")[1]


@dataclass(frozen=True)
class InterceptedRequest:
    """A request as interceptors see it and may change it."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """Names in lower case; the caller's own token is among them."""
    body: Any


@dataclass(frozen=True)
class InterceptedCall:
    """One call of an API on its way through its interceptors."""

    holder: Holder
    method: str
    entity: str
    api_id: str
    variables: Mapping[str, str]
    """What stands in the path for each placeholder of the API."""
    traceparent: str
    request: InterceptedRequest

    @property
    def trace_id(self) -> str:
        """The W3C trace id."""
        return trace_id_of(self.traceparent)

    def at(self, variables: Mapping[str, str]) -> InterceptedCall:
        """Return the call with these values in place of the placeholders."""
        return replace(self, variables=variables)

    def changed(self, wanted: Mapping[str, Any]) -> InterceptedCall:
        """Return the call with the members of the request that an interceptor gave; only the body may become null."""
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
    """What a call did to an entity, for notifications."""

    action: str
    template: str
    entity: Mapping[str, Any]
    old: Mapping[str, Any] | None
    started: float
    ended: float
