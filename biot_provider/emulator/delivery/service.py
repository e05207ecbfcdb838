"""Calls to plugins, hosted and in somebody's own account: interceptions, notifications and schedules.

Interceptions happen within the call they intercept, one after the other. Notifications are told after it, in the
background and for each listener in order; what is not told when the platform ends is dropped after a moment.
(BioT API 2.4.2, dispatcher and plugins.)
"""

from __future__ import annotations

import contextlib
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from ..http.errors import ApiError
from ..subscriptions import subscribers as hooks
from ..subscriptions.endpoints import shown_endpoint
from .notification_queue import MAX_WAITING, Lanes
from .plugin_tokens import INTERCEPTOR, NOTIFICATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..database import Store
    from ..functions.deployments import Functions
    from ..functions.logs import Logs
    from ..functions.runtime import Invocation
    from ..subscriptions.subscribers import Subscriber
    from ..testing.switches import Switches
    from .hook_responses import HttpAnswer, Verdict
    from .intercepted_call import Change, Trip
    from .plugin_tokens import PluginTokens

PATIENCE = 2.0
"""Seconds that the end of the platform waits for notifications that are not told yet."""


class Blocked(Exception):  # noqa: N818  (an answer of the platform, not a fault of the program)
    """An interceptor ends the call: the caller gets its answer as it is."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(f"blocked with {answer.status}")
        self.answer = answer


class Delivery:
    """Calls the subscribers of one platform, from this process."""

    def __init__(
        self, store: Store, switches: Switches, functions: Functions, tokens: PluginTokens, logs: Logs
    ) -> None:
        self._store = store
        self._switches = switches
        self._functions = functions
        self._tokens = tokens
        self._logs = logs
        self._lanes = Lanes(self._logs.note)

    def before(self, trip: Trip) -> Trip:
        """Run the PRE_REQUEST interceptors; gives the call as they want it. Raises Blocked, ApiError."""
        for subscriber in self._interceptors("PRE_REQUEST", trip, trip.api_id):
            verdict = self._intercept(subscriber, "PRE_REQUEST", trip, None)
            wanted = verdict.request if verdict else None
            if wanted:
                trip = trip.changed(wanted)
        return trip

    def adapt(self, trip: Trip, entities: list[Any]) -> list[Any]:
        """Run the ADAPT_ENTITY interceptors over the entities of an answer. Raises Blocked, ApiError."""
        for subscriber in self._interceptors("ADAPT_ENTITY", trip, trip.entity):
            verdict = self._intercept(subscriber, "ADAPT_ENTITY", trip, {"entities": entities})
            if verdict and verdict.response:
                entities = verdict.response["entities"]
        return entities

    def after(self, trip: Trip, status: int, body: Any) -> tuple[int, Any]:
        """Run the POST_REQUEST interceptors; gives status and body as they want them. Raises Blocked, ApiError."""
        for subscriber in self._interceptors("POST_REQUEST", trip, trip.api_id):
            verdict = self._intercept(subscriber, "POST_REQUEST", trip, {"body": body, "statusCode": status})
            wanted = (verdict.response if verdict else None) or {}
            body = wanted.get("body", body)
            status = _status(wanted, status)
        return status, body

    def tell(self, trip: Trip, change: Change) -> None:
        """Notify those who listen, in the background."""
        with self._store.reading() as db:
            subscribers = hooks.listeners(db, trip.entity, change.action, change.template)
        for subscriber in subscribers:
            what = f"NOTIFICATION {trip.entity} {change.action}"
            if not self._lanes.put(_source(subscriber), partial(self._notify, subscriber, trip, change)):
                self._logs.note(_source(subscriber), f"{what}: not told, as {MAX_WAITING} others wait already")

    def run_schedule(self, name: str) -> Invocation:
        """Run a plugin now, as its schedule would. Raises ValueError where it has none or is disabled."""
        from .events import cron_event

        deployed = self._functions.find(name)
        if deployed is None:
            problem = "is not deployed"
        elif not deployed.enabled:
            problem = "is disabled: its schedule does not run"
        elif not deployed.scheduled:
            problem = "has no cronSchedule"
        else:
            return self._functions.invoke(deployed, cron_event(), "schedule")
        message = f"plugin {name} {problem}"
        raise ValueError(message)

    def settle(self, seconds: float) -> bool:
        """Wait until everybody is told of what happened so far, so many seconds at most; whether that is so."""
        return self._lanes.settle(seconds)

    def close(self) -> None:
        """Tell what is waiting, for a moment, and drop the rest."""
        self.settle(PATIENCE)
        for source, count in self._lanes.close().items():
            self._logs.note(source, f"notifications not told, as the platform ends: {count}")

    def _interceptors(self, kind: str, trip: Trip, target: str) -> list[Subscriber]:
        with self._store.reading() as db:
            found = hooks.interceptors(db, kind, target)
        return [
            one for one in found if all(trip.variables.get(name) == wanted for name, wanted in one.path_filters.items())
        ]

    def _intercept(
        self, subscriber: Subscriber, kind: str, trip: Trip, response: Mapping[str, Any] | None
    ) -> Verdict | None:
        """One interception; gives what it wants, or nothing where it failed and that is to be passed over."""
        from .events import HOOK_TYPES, LANGUAGE, interception_body, interception_event, interception_headers
        from .hook_responses import judge

        holder, asked, hook_type = trip.holder, trip.asked, HOOK_TYPES[kind]
        body = interception_body(
            method=trip.method,
            entity=trip.entity,
            api_id=trip.api_id,
            path=asked.path,
            query=asked.query,
            headers=asked.headers,
            body=asked.body,
            initiator={
                "subjectId": holder.id,
                "ownerOrganizationId": holder.organization,
                "tokenType": "USER" if holder.kind == "USER" else "SERVICE_INTERNAL",
            },
            response=response,
        )
        sent = {
            "token": self._tokens.get(INTERCEPTOR),
            "traceparent": trip.traceparent,
            "accept_language": asked.headers.get("accept-language", LANGUAGE),
        }
        what = f"{kind} {trip.api_id}" if kind != "ADAPT_ENTITY" else f"{kind} {trip.entity}"
        try:
            answer = self._send(
                subscriber,
                what,
                lambda url: interception_event(hook_type, endpoint_url=url, body=body, **sent),
                interception_headers(hook_type, **sent),
                body,
            )
        except _NoAnswerError as failed:
            self._failed(subscriber, what, str(failed))
            return None
        verdict = judge(hook_type, answer, path=asked.path)
        problem = answer.problem or (None if verdict.blocked else "; ".join(verdict.problems))
        if problem:
            self._logs.note(_source(subscriber), f"{what}: {problem}")
            self._failed(subscriber, what, problem)
            return None
        if verdict.blocked:
            raise Blocked(answer)
        return verdict

    def _failed(self, subscriber: Subscriber, what: str, problem: str) -> None:
        """An interceptor that gives no answer to go by: no document says what the platform does then."""
        if self._switches.read().failing_interceptors == "fails":
            source = _source(subscriber)
            details = {"interceptor": source, "interception": what}
            raise ApiError(500, "INTERCEPTOR_FAILED", f"Interceptor [{source}] failed: {problem}", details)

    def _notify(self, subscriber: Subscriber, trip: Trip, change: Change) -> None:
        from .events import notification_body, notification_event, notification_headers

        body = notification_body(
            entity_type=trip.entity,
            action=change.action,
            entity=change.entity,
            old_entity=change.old,
            jwt=self._tokens.get(NOTIFICATION),
            trace_id=trip.trace_id,
            subject_id=trip.holder.id,
            started=change.started,
            ended=change.ended,
        )
        what = f"NOTIFICATION {trip.entity} {change.action}"
        # Why somebody could not be told is in the log; nobody waits for it.
        with contextlib.suppress(_NoAnswerError):
            self._send(
                subscriber,
                what,
                lambda url: notification_event(endpoint_url=url, body=body, traceparent=trip.traceparent),
                notification_headers(traceparent=trip.traceparent),
                body,
            )

    def _send(
        self,
        subscriber: Subscriber,
        what: str,
        event: Callable[[str], dict[str, Any]],
        headers: Mapping[str, str],
        body: Mapping[str, Any],
    ) -> HttpAnswer:
        """One call of a plugin, or of an endpoint elsewhere. Raises _NoAnswerError."""
        from .hook_responses import HttpAnswer, http_answer

        if subscriber.plugin is not None:
            deployed = self._functions.find(subscriber.plugin)
            if deployed is None:
                raise _NoAnswerError("it was deleted at this moment")
            call = self._functions.invoke(deployed, event(deployed.endpoint_url), what)
            if call.error is not None:
                raise _NoAnswerError(call.error)
            return http_answer(call.answer)
        from .outgoing import Unreachable, post

        assert subscriber.endpoint is not None  # noqa: S101  (a subscriber is one or the other)
        started = time.monotonic()
        try:
            status, given, content = post(subscriber.endpoint, headers, json.dumps(body).encode())
        except Unreachable as unreachable:
            self._logs.note(_source(subscriber), f"{what}: {unreachable}")
            raise _NoAnswerError(str(unreachable)) from None
        took = 1000 * (time.monotonic() - started)
        self._logs.note(_source(subscriber), f"{what}: answered {status} in {took:.0f} ms")
        return HttpAnswer(status, given, content)


class _NoAnswerError(Exception):
    """A subscriber gave no answer; the text says why."""


def _source(subscriber: Subscriber) -> str:
    """What logs and errors call it."""
    return subscriber.plugin or shown_endpoint(subscriber.endpoint or "")


def _status(wanted: Mapping[str, Any], status: int) -> int:
    """The status an interceptor wants: the documents say that it may be changed and not what the member is called."""
    for name in ("statusCode", "status"):
        value = wanted.get(name)
        if isinstance(value, int) and 200 <= value <= 599:
            return value
    return status
