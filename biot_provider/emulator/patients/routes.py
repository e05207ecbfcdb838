"""The routes of patients (after BioT API 2.4.2, organization), which trigger interceptions and notifications.

Every caller with a valid token may use them. A call passes its PRE_REQUEST interceptors, is performed, then passes
those of ADAPT_ENTITY for the entities in its response and those of POST_REQUEST. Listeners are notified of the change,
regardless of the response. A plugin's own calls are intercepted only with the header `allow-interception`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from biot_provider.emulator.delivery.intercepted_call import Change, InterceptedCall, InterceptedRequest
from biot_provider.emulator.delivery.service import Blocked
from biot_provider.emulator.http.errors import ApiError
from biot_provider.emulator.http.json_body import read_json
from biot_provider.emulator.http.routes import Route, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from biot_provider.emulator.access.identity import Identity
    from biot_provider.emulator.delivery.service import Delivery
    from biot_provider.emulator.http.routes import Call
    from biot_provider.emulator.patients.service import Patients

PATH = "/organization/v1/users/patients"

_NOT_SHOWN = ("host", "content-length", "connection")
"""Headers that belong to the connection and not to the request."""


@dataclass(frozen=True)
class Done:
    """The result of an operation: its response, and the change of which listeners are notified."""

    status: int
    body: Any
    change: Callable[[float, float], Change] | None = None

    listed: bool = False
    """Whether the body is a page of a search, and not one entity."""

    @property
    def entities(self) -> list[Any]:
        """The entities in the response."""
        if self.body is None:
            return []
        return list(self.body["data"]) if self.listed else [self.body]

    def adapted(self, entities: list[Any]) -> Any:
        """Return the response's body with these entities instead."""
        if self.listed:
            return {**self.body, "data": entities}
        return entities[0] if entities else self.body


@dataclass(frozen=True)
class Operation:
    """One operation: its method, its path below PATH, and the function that performs it."""

    method: str
    rest: str
    act: Callable[[InterceptedCall], Done]

    @property
    def api_id(self) -> str:
        """The API's id in interceptions."""
        return f"{self.method}{PATH}{self.rest}"

    def variables(self, path: str) -> dict[str, str] | None:
        """Return the path's values for the placeholders; None if the path does not match."""
        segments, places = path.split("/"), f"{PATH}{self.rest}".split("/")
        if len(segments) != len(places):
            return None
        pairs = list(zip(places, segments, strict=True))
        if any(place != segment for place, segment in pairs if not place.startswith("{")):
            return None
        return {place[1:-1]: segment for place, segment in pairs if place.startswith("{")}


class PatientsApi:
    """Patients over HTTP."""

    def __init__(self, patients: Patients, identity: Identity, delivery: Delivery) -> None:
        self._patients = patients
        self._identity = identity
        self._delivery = delivery
        self._operations = (
            Operation("GET", "", self._search),
            Operation("POST", "", self._create),
            Operation("POST", "/templates/{templateName}", self._create),
            Operation("GET", "/{id}", self._get),
            Operation("PATCH", "/{id}", self._update),
            Operation("DELETE", "/{id}", self._delete),
        )

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route(
                operation.method,
                PATH + operation.rest.replace("{", "<").replace("}", ">"),
                partial(self._answer, operation),
            )
            for operation in self._operations
        ]

    def _answer(self, operation: Operation, call: Call, **variables: str) -> Response:
        holder = self._identity.holder(call.request.headers.get("Authorization"))
        intercepted = InterceptedCall(
            holder=holder,
            method=operation.method,
            entity="patient",
            api_id=operation.api_id,
            variables=variables,
            traceparent=call.traceparent,
            request=_request(call),
        )
        may_intercept = holder.plugin is None or "allow-interception" in call.request.headers
        try:
            return _response(*(self._intercepted(intercepted) if may_intercept else self._plain(intercepted)))
        except Blocked as blocked:
            answer = blocked.answer
            kind = answer.headers.get("content-type", "application/json")
            return Response(
                answer.body, answer.status, content_type=kind if kind.isascii() and kind.isprintable() else None
            )

    def _intercepted(self, intercepted: InterceptedCall) -> tuple[int, Any]:
        intercepted = self._delivery.before(intercepted)
        done = self._do(intercepted)
        body = done.body
        if done.entities:
            body = done.adapted(self._delivery.adapt(intercepted, done.entities))
        return self._delivery.after(intercepted, done.status, body)

    def _plain(self, intercepted: InterceptedCall) -> tuple[int, Any]:
        done = self._do(intercepted)
        return done.status, done.body

    def _do(self, intercepted: InterceptedCall) -> Done:
        """Perform the request, which an interceptor may have changed to another path."""
        started = time.time()
        for operation in self._operations:
            variables = operation.variables(intercepted.request.path)
            if operation.method == intercepted.method and variables is not None:
                done = operation.act(intercepted.at(variables))
                if done.change is not None:
                    self._delivery.notify(intercepted, done.change(started, time.time()))
                return done
        raise ApiError(404, "NOT_FOUND", f"No such API: {intercepted.method} {intercepted.request.path}")

    def _search(self, intercepted: InterceptedCall) -> Done:
        given = intercepted.request.query.get("searchRequest") or ["{}"]
        try:
            request = read_json(given[0] or "{}")
        except ValueError:
            raise ApiError(400, "BAD_REQUEST", "searchRequest must be JSON") from None
        return Done(200, self._patients.search(request), listed=True)

    def _get(self, intercepted: InterceptedCall) -> Done:
        return Done(200, self._patients.get(intercepted.variables["id"]))

    def _create(self, intercepted: InterceptedCall) -> Done:
        template = intercepted.variables.get("templateName", "DefaultPatient")
        patient = self._patients.create(
            intercepted.request.body, organization=intercepted.holder.organization, template=template
        )
        return Done(201, patient, _change("_create", patient))

    def _update(self, intercepted: InterceptedCall) -> Done:
        new, old = self._patients.update(intercepted.variables["id"], intercepted.request.body)
        return Done(200, new, _change("_update", new, old))

    def _delete(self, intercepted: InterceptedCall) -> Done:
        return Done(204, None, _change("_delete", self._patients.delete(intercepted.variables["id"])))


def _request(call: Call) -> InterceptedRequest:
    request = call.request
    return InterceptedRequest(
        path=request.path,
        query=dict(request.args.lists()),
        headers={name.lower(): value for name, value in request.headers.items() if name.lower() not in _NOT_SHOWN},
        body=call.json if request.get_data() else None,
    )


def _change(
    action: str, patient: Mapping[str, Any], old: Mapping[str, Any] | None = None
) -> Callable[[float, float], Change]:
    return partial(Change, action, patient["_template"]["name"], patient, old)


def _response(status: int, body: Any) -> Response:
    if status == 204 or body is None:
        return Response(status=status)
    return json_response(body, status)
