"""Events of the calls, with tokens that an embedded platform signs, so that the plugin can verify them."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from biot_provider.cli.invoke import samples
from biot_provider.cli.invoke.calls import ADAPT, CRON, DIRECT, NOTIFICATION, POST, TYPES, WHOLE, Call
from biot_provider.emulator.delivery import events
from biot_provider.emulator.delivery.plugin_tokens import INTERCEPTOR, PluginTokens
from biot_provider.emulator.delivery.plugin_tokens import NOTIFICATION as NOTIFIED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from biot_provider.emulator import Platform

_ENDPOINT = "https://k3v9q2m7x1z8p4w6t5r0y2u1i7o3a9s6.lambda-url.eu-west-1.on.aws/"
_LOGIN_SECONDS = 60.0
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Sender:
    """The platform's side of the calls to one plugin; the platform is served at `base_url`."""

    def __init__(self, platform: Platform, base_url: str, callers_token: str) -> None:
        self._platform = platform
        self._base_url = base_url
        self._tokens = PluginTokens(platform.keys)
        self._callers_token = callers_token

    @property
    def secrets(self) -> list[str]:
        """Values that must not be printed: the tokens in the events, and the key of the plugin's service user."""
        tokens = [self._tokens.get(INTERCEPTOR), self._tokens.get(NOTIFIED)]
        return [*tokens, self._callers_token, self._platform.service_secret_key]

    def variables(self, display_name: str) -> dict[str, str]:
        """Return the environment variables that the platform gives a plugin."""
        return {
            "BIOT_APP_NAME": display_name,
            "BIOT_BASE_URL": self._base_url,
            "BIOT_SERVICE_USER_ID": self._platform.service_id,
            "BIOT_SERVICE_USER_SECRET_KEY": self._platform.service_secret_key,
        }

    def event(self, call: Call) -> dict[str, Any]:
        """Return the event of a call."""
        if call.kind == WHOLE:
            return dict(call.data)
        if call.kind == CRON:
            return events.cron_event()
        if call.kind == DIRECT:
            return _direct(call.data)
        traceparent = events.new_traceparent()
        if call.kind == NOTIFICATION:
            body = call.body or self._notification(call, traceparent.split("-")[1])
            body = {**body, "jwt": self._tokens.get(NOTIFIED)}
            return events.notification_event(endpoint_url=_ENDPOINT, body=body, traceparent=traceparent)
        return events.interception_event(
            events.HOOK_TYPES[TYPES[call.kind]],
            endpoint_url=_ENDPOINT,
            token=self._tokens.get(INTERCEPTOR),
            body=call.body or self._interception(call),
            traceparent=traceparent,
        )

    def _notification(self, call: Call, trace_id: str) -> dict[str, Any]:
        old = samples.entity(call.entity, call.template)
        new = old
        if call.data is not None:
            new = old = {**call.data}
        elif call.action == "_update":
            new = {**old, **samples.changes(call.entity)}
        return events.notification_body(
            entity_type=call.entity,
            action=call.action,
            entity=new,
            old_entity=old if new is not old else None,
            jwt="",
            trace_id=trace_id,
            subject_id=str(uuid.uuid4()),
        )

    def _interception(self, call: Call) -> dict[str, Any]:
        method, slash, path = call.api_id.partition("/")
        entity = samples.entity(call.entity)
        body = {"POST": samples.attributes, "PUT": samples.attributes, "PATCH": samples.changes}.get(method)
        sent = body(call.entity) if body else None
        response: dict[str, Any] | None = None
        if call.kind == POST:
            response = {"body": entity if call.data is None else call.data}
        elif call.kind == ADAPT:
            response = {"entities": [entity if call.data is None else call.data]}
        elif call.data is not None:
            sent = call.data
        return events.interception_body(
            method=method,
            entity=call.entity,
            api_id=call.api_id,
            path=_PLACEHOLDER.sub(lambda match: _value(match[1], entity), slash + path),
            query={},
            headers={
                "authorization": f"Bearer {self._callers_token}",
                "accept": "application/json",
                "accept-language": events.LANGUAGE,
                "content-type": "application/json",
            },
            body=sent,
            initiator={
                "subjectId": str(uuid.uuid4()),
                "ownerOrganizationId": samples.ORGANIZATION,
                "tokenType": "USER",
            },
            response=response,
        )


def _direct(data: Any) -> dict[str, Any]:
    """Return a call of the plugin's endpoint: a GET, or a POST where there is data."""
    headers = {"accept": "*/*", "user-agent": "biot-provider"}
    body = b""
    if data is not None:
        headers["content-type"], body = "application/json", json.dumps(data).encode()
    method = "GET" if data is None else "POST"
    return events.direct_event(endpoint_url=_ENDPOINT, method=method, path="/", query="", headers=headers, body=body)


def _value(placeholder: str, entity: Mapping[str, Any]) -> str:
    """Return a value for a placeholder in a path."""
    if placeholder == "id":
        return str(entity["_id"])
    return str(entity["_template"]["name"]) if placeholder == "templateName" else str(uuid.uuid4())


def log_in(platform: Platform, base_url: str) -> str:
    """Return a token of the user who makes the intercepted call."""
    import httpx

    body = {"id": platform.service_id, "secretKey": platform.service_secret_key}
    address = f"{base_url}/ums/v2/services/accessToken"
    # Plain HTTP: without the certificates of the machine a client is made ten times as fast.
    answer = httpx.post(address, json=body, verify=False, trust_env=False, timeout=_LOGIN_SECONDS)  # noqa: S501
    return str(answer.json()["accessToken"])
