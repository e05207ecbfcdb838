"""Calls to hosted plugins and to endpoints in other accounts: interceptions, notifications and schedules.

Interceptions happen within the intercepted call, one after the other. Notifications are sent after it, in the
background and in order for each listener; those that are not sent soon after the platform ends are dropped. (BioT API
2.4.2, dispatcher and plugins.)
"""

from __future__ import annotations

import contextlib
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.delivery.intercepted_call import trace_id_of
from biot_provider.emulator.delivery.notification_queue import MAX_WAITING, NotificationQueue
from biot_provider.emulator.delivery.plugin_tokens import INTERCEPTOR, NOTIFICATION
from biot_provider.emulator.http.errors import ApiError
from biot_provider.emulator.subscriptions import subscribers
from biot_provider.emulator.subscriptions.endpoints import shown_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from biot_provider.emulator.database import Store
    from biot_provider.emulator.delivery.hook_responses import HttpResponse, Verdict
    from biot_provider.emulator.delivery.intercepted_call import Change, InterceptedCall
    from biot_provider.emulator.delivery.plugin_tokens import PluginTokens
    from biot_provider.emulator.functions.deployments import Functions
    from biot_provider.emulator.functions.invocations import Invocations
    from biot_provider.emulator.functions.logs import Logs
    from biot_provider.emulator.functions.runtime import Invocation
    from biot_provider.emulator.subscriptions.subscribers import Subscriber
    from biot_provider.emulator.testing.contract_variants import ContractVariants

CLOSE_TIMEOUT_SECONDS = 2.0
"""Seconds for sending the remaining notifications when the platform ends."""


class Blocked(Exception):  # noqa: N818  (an answer of the platform, not a fault of the program)
    """An interceptor ends the call: the caller gets its response unchanged."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(f"blocked with {answer.status}")
        self.answer = answer


class Delivery:
    """Calls the subscribers of one platform from this process."""

    def __init__(
        self,
        store: Store,
        variants: ContractVariants,
        functions: Functions,
        tokens: PluginTokens,
        logs: Logs,
        invocations: Invocations,
    ) -> None:
        self._store = store
        self._variants = variants
        self._functions = functions
        self._tokens = tokens
        self._logs = logs
        self._invocations = invocations
        self._queue = NotificationQueue(self._logs.note)

    def before(self, call: InterceptedCall) -> InterceptedCall:
        """Run the PRE_REQUEST interceptors and return the changed call. Raises Blocked, ApiError."""
        for subscriber in self._interceptors("PRE_REQUEST", call, call.api_id):
            verdict = self._intercept(subscriber, "PRE_REQUEST", call, None)
            wanted = verdict.request if verdict else None
            if wanted:
                call = call.changed(wanted)
        return call

    def adapt(self, call: InterceptedCall, entities: list[Any]) -> list[Any]:
        """Run the ADAPT_ENTITY interceptors over the entities of a response. Raises Blocked, ApiError."""
        for subscriber in self._interceptors("ADAPT_ENTITY", call, call.entity):
            verdict = self._intercept(subscriber, "ADAPT_ENTITY", call, {"entities": entities})
            if verdict and verdict.response:
                entities = verdict.response["entities"]
        return entities

    def after(self, call: InterceptedCall, status: int, body: Any) -> tuple[int, Any]:
        """Run the POST_REQUEST interceptors; return the changed status and body. Raises Blocked, ApiError."""
        for subscriber in self._interceptors("POST_REQUEST", call, call.api_id):
            verdict = self._intercept(subscriber, "POST_REQUEST", call, {"body": body, "statusCode": status})
            wanted = (verdict.response if verdict else None) or {}
            body = wanted.get("body", body)
            status = _status(wanted, status)
        return status, body

    def notify(self, call: InterceptedCall, change: Change) -> None:
        """Notify the listeners, in the background."""
        with self._store.reading() as db:
            listeners = subscribers.listeners(db, call.entity, change.action, change.template)
        for subscriber in listeners:
            what = f"NOTIFICATION {call.entity} {change.action}"
            if not self._queue.put(_source(subscriber), partial(self._notify, subscriber, call, change)):
                self._note(subscriber, what, f"not sent, as {MAX_WAITING} others wait already", call)

    def run_schedule(self, name: str) -> Invocation:
        """Run a plugin now, as its schedule would. Raises ValueError if it has no schedule or is disabled."""
        from biot_provider.emulator.delivery.events import cron_event

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
        """Wait until all notifications so far are sent, at most so many seconds; return whether they are."""
        return self._queue.settle(seconds)

    def close(self) -> None:
        """Send waiting notifications, within CLOSE_TIMEOUT_SECONDS, and drop the others."""
        self.settle(CLOSE_TIMEOUT_SECONDS)
        for source, count in self._queue.close().items():
            self._logs.note(source, f"notifications not sent, as the platform ends: {count}")

    def _interceptors(self, kind: str, call: InterceptedCall, target: str) -> list[Subscriber]:
        with self._store.reading() as db:
            found = subscribers.interceptors(db, kind, target)
        return [
            one for one in found if all(call.variables.get(name) == wanted for name, wanted in one.path_filters.items())
        ]

    def _intercept(
        self, subscriber: Subscriber, kind: str, call: InterceptedCall, response: Mapping[str, Any] | None
    ) -> Verdict | None:
        """Call one interceptor and return its verdict, or None when it failed and failures are skipped."""
        from biot_provider.emulator.delivery.events import (
            HOOK_TYPES,
            LANGUAGE,
            interception_body,
            interception_event,
            interception_headers,
        )
        from biot_provider.emulator.delivery.hook_responses import judge

        holder, request, hook_type = call.holder, call.request, HOOK_TYPES[kind]
        body = interception_body(
            method=call.method,
            entity=call.entity,
            api_id=call.api_id,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=request.body,
            initiator={
                "subjectId": holder.id,
                "ownerOrganizationId": holder.organization,
                "tokenType": "USER" if holder.kind == "USER" else "SERVICE_INTERNAL",
            },
            response=response,
        )
        sent = {
            "token": self._tokens.get(INTERCEPTOR),
            "traceparent": call.traceparent,
            "accept_language": request.headers.get("accept-language", LANGUAGE),
        }
        what = f"{kind} {call.api_id}" if kind != "ADAPT_ENTITY" else f"{kind} {call.entity}"
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
        verdict = judge(hook_type, answer, path=request.path)
        problem = answer.problem or (None if verdict.blocked else "; ".join(verdict.problems))
        if problem:
            self._note(subscriber, what, problem, call)
            self._failed(subscriber, what, problem)
            return None
        if verdict.blocked:
            raise Blocked(answer)
        return verdict

    def _note(self, subscriber: Subscriber, what: str, problem: str, call: InterceptedCall) -> None:
        source = _source(subscriber)
        self._logs.note(source, f"{what}: {problem}")
        self._invocations.add_problem(source, what, problem, call.trace_id)

    def _failed(self, subscriber: Subscriber, what: str, problem: str) -> None:
        """Handle an interceptor without a usable response, for which the platform's behaviour is not documented."""
        if self._variants.read().failing_interceptors == "fails":
            source = _source(subscriber)
            details = {"interceptor": source, "interception": what}
            raise ApiError(500, "INTERCEPTOR_FAILED", f"Interceptor [{source}] failed: {problem}", details)

    def _notify(self, subscriber: Subscriber, call: InterceptedCall, change: Change) -> None:
        from biot_provider.emulator.delivery.events import notification_body, notification_event, notification_headers

        body = notification_body(
            entity_type=call.entity,
            action=change.action,
            entity=change.entity,
            old_entity=change.old,
            jwt=self._tokens.get(NOTIFICATION),
            trace_id=call.trace_id,
            subject_id=call.holder.id,
            started=change.started,
            ended=change.ended,
        )
        what = f"NOTIFICATION {call.entity} {change.action}"
        # The log says why a listener could not be notified; nobody waits for the result.
        with contextlib.suppress(_NoAnswerError):
            self._send(
                subscriber,
                what,
                lambda url: notification_event(endpoint_url=url, body=body, traceparent=call.traceparent),
                notification_headers(traceparent=call.traceparent),
                body,
            )

    def _send(
        self,
        subscriber: Subscriber,
        what: str,
        event: Callable[[str], dict[str, Any]],
        headers: Mapping[str, str],
        body: Mapping[str, Any],
    ) -> HttpResponse:
        """Call a plugin, or an endpoint elsewhere. Raises _NoAnswerError."""
        from biot_provider.emulator.delivery.hook_responses import http_response

        trace_id = trace_id_of(headers["traceparent"])
        if subscriber.plugin is not None:
            deployed = self._functions.find(subscriber.plugin)
            if deployed is None:
                raise _NoAnswerError("it was deleted at this moment")
            call = self._functions.invoke(deployed, event(deployed.endpoint_url), what, trace_id)
            if call.error is not None:
                raise _NoAnswerError(call.error)
            return http_response(call.answer)
        with self._invocations.recording(_source(subscriber), what, trace_id) as entry:
            answer = self._post(subscriber, what, headers, body, entry)
        if isinstance(answer, _NoAnswerError):
            raise answer
        return answer

    def _post(
        self,
        subscriber: Subscriber,
        what: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any],
        entry: dict[str, Any],
    ) -> HttpResponse | _NoAnswerError:
        """Call an endpoint elsewhere, and add the outcome to the call's entry."""
        from biot_provider.emulator.delivery.hook_responses import HttpResponse
        from biot_provider.emulator.delivery.outgoing import Unreachable, post

        assert subscriber.endpoint is not None  # noqa: S101  (a subscriber is one or the other)
        started = time.monotonic()
        try:
            status, given, content = post(subscriber.endpoint, headers, json.dumps(body).encode())
        except Unreachable as unreachable:
            self._logs.note(_source(subscriber), f"{what}: {unreachable}")
            entry |= {"error": str(unreachable), "duration": 1000 * (time.monotonic() - started)}
            return _NoAnswerError(str(unreachable))
        took = 1000 * (time.monotonic() - started)
        self._logs.note(_source(subscriber), f"{what}: answered {status} in {took:.0f} ms")
        entry |= {"status": status, "duration": took}
        return HttpResponse(status, given, content)


class _NoAnswerError(Exception):
    """A subscriber gave no response; the text has the reason."""


def _source(subscriber: Subscriber) -> str:
    """Return the subscriber's name in logs and errors."""
    return subscriber.plugin or shown_endpoint(subscriber.endpoint or "")


def _status(wanted: Mapping[str, Any], status: int) -> int:
    """Return the status that an interceptor sets; it is not documented which member has it."""
    for name in ("statusCode", "status"):
        value = wanted.get(name)
        if isinstance(value, int) and 200 <= value <= 599:
            return value
    return status
