"""A call of an API that can be intercepted, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..access.identity import Holder


@dataclass(frozen=True)
class Asked:
    """A request as interceptors see it and may change it."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """Names in lower case; the caller's own token is among them."""
    body: Any


@dataclass(frozen=True)
class Trip:
    """One call of an API on its way through its interceptors."""

    holder: Holder
    method: str
    entity: str
    api_id: str
    variables: Mapping[str, str]
    """What stands in the path for each placeholder of the API."""
    traceparent: str
    asked: Asked

    @property
    def trace_id(self) -> str:
        """The W3C trace id."""
        return self.traceparent.split("-")[1]

    def at(self, variables: Mapping[str, str]) -> Trip:
        """The call with these in the place of the placeholders."""
        return replace(self, variables=variables)

    def changed(self, wanted: Mapping[str, Any]) -> Trip:
        """The call with the members of its request that an interceptor gave; null keeps one, but for the body."""
        asked, headers = self.asked, wanted.get("headers")
        given = Asked(
            path=wanted.get("path") or asked.path,
            query=asked.query if wanted.get("queryParameters") is None else wanted["queryParameters"],
            headers=asked.headers if headers is None else {name.lower(): value for name, value in headers.items()},
            body=wanted.get("body", asked.body),
        )
        return replace(self, asked=given)


@dataclass(frozen=True)
class Change:
    """What a call did to an entity, for those who are told of it."""

    action: str
    template: str
    entity: Mapping[str, Any]
    old: Mapping[str, Any] | None
    started: float
    ended: float
