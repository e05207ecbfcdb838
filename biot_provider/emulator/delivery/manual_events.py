"""Events that a person sends to one plugin, bypassing other interceptors; they are signed like the platform's."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from biot_provider.emulator.delivery.intercepted_call import trace_id_of
from biot_provider.emulator.delivery.plugin_tokens import INTERCEPTOR, NOTIFICATION
from biot_provider.emulator.functions.invocations import outcome

if TYPE_CHECKING:
    from biot_provider.emulator.delivery.plugin_tokens import PluginTokens
    from biot_provider.emulator.functions.deployments import Functions

KINDS = ("PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY", "NOTIFICATION", "SCHEDULE", "DIRECT")
MAX_ANSWER_CHARACTERS = 64_000
"""Maximum characters of a response that are shown."""

_API = (r"[A-Z]+(/[^/\s]+)+", "PATCH/organization/v1/users/patients/{id}")
_TARGETS = {
    "PRE_REQUEST": _API,
    "POST_REQUEST": _API,
    "ADAPT_ENTITY": (r"\S+", "patient"),
    "NOTIFICATION": (r"\S+ \S+", "patient _update"),
}
"""The form of each kind of event's target, with an example."""
_ORGANIZATION = "00000000-0000-0000-0000-000000000000"


class ManualEvents:
    """Sends events to plugins, even if the plugin has no such schedule or subscription."""

    def __init__(self, functions: Functions, tokens: PluginTokens) -> None:
        self._functions = functions
        self._tokens = tokens

    def send(self, plugin: str, kind: str, target: str = "", body: Any = None) -> dict[str, Any]:
        """Call a plugin by its bare name and return the outcome, with the response as text. Raises ValueError.

        `target` is the API of PRE_REQUEST and POST_REQUEST, the entity of ADAPT_ENTITY, entity and action of a
        NOTIFICATION. `body` is the request's body, the response's, an entity, or the body of a DIRECT POST.
        """
        deployed = self._functions.find(str(plugin))
        problem = _target_problem(kind, target) if deployed is not None else f"plugin {plugin} is not deployed"
        if deployed is None or problem:
            raise ValueError(problem)
        event = self._event(kind, target, body, deployed.endpoint_url)
        what = " ".join((kind, target)) if target else kind
        trace = event.get("headers", {}).get("traceparent")
        called = self._functions.invoke(deployed, event, f"{what}, by hand", trace and trace_id_of(trace))
        answer = json.dumps(called.answer, indent=2, ensure_ascii=False)
        shown = answer if len(answer) <= MAX_ANSWER_CHARACTERS else f"{answer[:MAX_ANSWER_CHARACTERS]} ..."
        return {**outcome(called, deployed.settings.memory_size), "answer": shown}

    def _event(self, kind: str, target: str, body: Any, endpoint_url: str) -> dict[str, Any]:
        from biot_provider.emulator.delivery import events

        if kind == "SCHEDULE":
            return events.cron_event()
        if kind == "DIRECT":
            content = b"" if body is None else json.dumps(body).encode()
            headers = {"content-type": "application/json"} if content else {}
            method = "POST" if content else "GET"
            return events.direct_event(
                endpoint_url=endpoint_url, method=method, path="/", query="", headers=headers, body=content
            )
        traceparent = events.new_traceparent()
        if kind == "NOTIFICATION":
            entity, _, action = target.partition(" ")
            sent = events.notification_body(
                entity_type=entity,
                action=action,
                entity=body if isinstance(body, dict) else {},
                jwt=self._tokens.get(NOTIFICATION),
                trace_id=trace_id_of(traceparent),
                subject_id=str(uuid.uuid4()),
            )
            return events.notification_event(endpoint_url=endpoint_url, body=sent, traceparent=traceparent)
        return events.interception_event(
            events.HOOK_TYPES[kind],
            endpoint_url=endpoint_url,
            token=self._tokens.get(INTERCEPTOR),
            body=_interception(kind, target, body),
            traceparent=traceparent,
        )


def _target_problem(kind: str, target: str) -> str | None:
    if kind not in KINDS:
        return f"there is no event of kind {kind!r}: there are {', '.join(KINDS)}"
    form, example = _TARGETS.get(kind, ("", ""))
    if isinstance(target, str) and re.fullmatch(form, target):
        return None
    return f"the target of {kind} must be like {example!r}" if example else f"{kind} has no target"


def _interception(kind: str, target: str, body: Any) -> dict[str, Any]:
    from biot_provider.emulator.delivery.events import LANGUAGE, interception_body
    from biot_provider.emulator.plugins.responses import entity_of

    response: dict[str, Any] | None
    if kind == "ADAPT_ENTITY":
        api_id, entity, response = f"GET/{target}/{{id}}", target, {"entities": [body]}
    else:
        api_id, entity = target, entity_of(target)
        response = {"body": body, "statusCode": 200} if kind == "POST_REQUEST" else None
    method, slash, path = api_id.partition("/")
    return interception_body(
        method=method,
        entity=entity,
        api_id=api_id,
        path=slash + path.replace("{id}", "example-id"),
        query={},
        headers={"accept-language": LANGUAGE, "content-type": "application/json"},
        body=body if kind == "PRE_REQUEST" else None,
        initiator={"subjectId": str(uuid.uuid4()), "ownerOrganizationId": _ORGANIZATION, "tokenType": "USER"},
        response=response,
    )
