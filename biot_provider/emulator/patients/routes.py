"""The routes of patients (after BioT API 2.4.2, organization), by which interceptions and notifications are shown.

Whoever has a valid token may use them. A call runs through its PRE_REQUEST interceptors, is done, then through those of
ADAPT_ENTITY for the entities in its answer and those of POST_REQUEST. Listeners are told what was done, whatever became
of the answer. A plugin's own calls are not intercepted unless they carry the header `allow-interception`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from ..delivery.intercepted_call import Asked, Change, Trip
from ..delivery.service import Blocked
from ..http.errors import ApiError
from ..http.json_body import read_json
from ..http.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..access.identity import Identity
    from ..delivery.service import Delivery
    from ..http.routes import Call
    from .service import Patients

PATH = "/organization/v1/users/patients"

_NOT_SHOWN = ("host", "content-length", "connection")
"""Headers that belong to the connection and not to the request."""


@dataclass(frozen=True)
class Done:
    """What an operation did: its answer, and the change that listeners are told of."""

    status: int
    body: Any
    change: Callable[[float, float], Change] | None = None

    listed: bool = False
    """Whether the body is a page of a search and not one entity."""

    @property
    def entities(self) -> list[Any]:
        """Those in the answer."""
        if self.body is None:
            return []
        return list(self.body["data"]) if self.listed else [self.body]

    def adapted(self, entities: list[Any]) -> Any:
        """The answer's body with these in place of its own."""
        if self.listed:
            return {**self.body, "data": entities}
        return entities[0] if entities else self.body


@dataclass(frozen=True)
class Operation:
    """One operation: its method, its path below PATH, and what does it."""

    method: str
    rest: str
    act: Callable[[Trip], Done]

    @property
    def api_id(self) -> str:
        """As interceptions name it."""
        return f"{self.method}{PATH}{self.rest}"

    def variables(self, path: str) -> dict[str, str] | None:
        """What a path has for the placeholders; none where it is another path."""
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
        """What it answers."""
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
        trip = Trip(
            holder=holder,
            method=operation.method,
            entity="patient",
            api_id=operation.api_id,
            variables=variables,
            traceparent=call.traceparent,
            asked=_asked(call),
        )
        intercepted = holder.plugin is None or "allow-interception" in call.request.headers
        try:
            return _response(*(self._intercepted(trip) if intercepted else self._plain(trip)))
        except Blocked as blocked:
            answer = blocked.answer
            kind = answer.headers.get("content-type", "application/json")
            return Response(
                answer.body, answer.status, content_type=kind if kind.isascii() and kind.isprintable() else None
            )

    def _intercepted(self, trip: Trip) -> tuple[int, Any]:
        trip = self._delivery.before(trip)
        done = self._do(trip)
        body = done.body
        if done.entities:
            body = done.adapted(self._delivery.adapt(trip, done.entities))
        return self._delivery.after(trip, done.status, body)

    def _plain(self, trip: Trip) -> tuple[int, Any]:
        done = self._do(trip)
        return done.status, done.body

    def _do(self, trip: Trip) -> Done:
        """Do what the request says by now, which an interceptor may have sent to another path."""
        started = time.time()
        for operation in self._operations:
            variables = operation.variables(trip.asked.path)
            if operation.method == trip.method and variables is not None:
                done = operation.act(trip.at(variables))
                if done.change is not None:
                    self._delivery.tell(trip, done.change(started, time.time()))
                return done
        raise ApiError(404, "NOT_FOUND", f"No such API: {trip.method} {trip.asked.path}")

    def _search(self, trip: Trip) -> Done:
        given = trip.asked.query.get("searchRequest") or ["{}"]
        try:
            request = read_json(given[0] or "{}")
        except ValueError:
            raise ApiError(400, "BAD_REQUEST", "searchRequest must be JSON") from None
        return Done(200, self._patients.search(request), listed=True)

    def _get(self, trip: Trip) -> Done:
        return Done(200, self._patients.get(trip.variables["id"]))

    def _create(self, trip: Trip) -> Done:
        template = trip.variables.get("templateName", "DefaultPatient")
        patient = self._patients.create(trip.asked.body, organization=trip.holder.organization, template=template)
        return Done(201, patient, _change("_create", patient))

    def _update(self, trip: Trip) -> Done:
        new, old = self._patients.update(trip.variables["id"], trip.asked.body)
        return Done(200, new, _change("_update", new, old))

    def _delete(self, trip: Trip) -> Done:
        return Done(204, None, _change("_delete", self._patients.delete(trip.variables["id"])))


def _asked(call: Call) -> Asked:
    request = call.request
    return Asked(
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
    return Response(json.dumps(body), status=status, content_type="application/json")
