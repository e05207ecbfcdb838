"""The calls to make: those the user names, or all that the plugin subscribes to."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from biot_provider.cli.errors import WrongUsageError
from biot_provider.cli.invoke.plugin import LocalPlugin
from biot_provider.cli.invoke.samples import ACTION, ACTIONS, ENTITY
from biot_provider.cli.invoke.usage import read_text
from biot_provider.emulator.plugins.responses import entity_of
from biot_provider.lifecycle.problems import nearest
from biot_provider.plugin.model import Subscriptions

if TYPE_CHECKING:
    from biot_provider.cli.invoke.command import EventOptions

PRE, POST, ADAPT, NOTIFICATION, CRON, DIRECT, WHOLE = "pre", "post", "adapt", "notification", "cron", "direct", "whole"
KINDS = (PRE, POST, ADAPT, NOTIFICATION, CRON, DIRECT)
TYPES = {PRE: "PRE_REQUEST", POST: "POST_REQUEST", ADAPT: "ADAPT_ENTITY"}

_WORDS = {kind: kind for kind in KINDS} | {f"interception-{kind}": kind for kind in TYPES}
_API_IDS = {
    PRE: "PATCH/organization/v1/users/patients/{id}",
    POST: "GET/organization/v1/users/patients/{id}",
    ADAPT: "GET/organization/v1/users/patients/{id}",
}
"""The API of an interception where neither the user nor the plugin names one."""
_EVENT_MEMBERS = frozenset({"headers", "requestContext", "rawPath", "detail-type"})


@dataclass(frozen=True)
class Call:
    """One call, without the tokens that come with it."""

    kind: str
    api_id: str = ""
    entity: str = ""
    action: str = ""
    template: str | None = None
    data: Any = None
    """In place of the sample: the request's body, the response's, the entity; for WHOLE the event itself."""
    body: dict[str, Any] | None = None
    """In place of the hook's whole body."""

    @property
    def title(self) -> str:
        """The name of the call, as the platform would log it."""
        if self.kind in (PRE, POST):
            return f"{TYPES[self.kind]} {self.api_id}"
        if self.kind == ADAPT:
            return f"{TYPES[self.kind]} {self.entity}"
        if self.kind == NOTIFICATION:
            return f"NOTIFICATION {self.entity} {self.action}"
        return {CRON: "SCHEDULE", DIRECT: "DIRECT CALL", WHOLE: "EVENT"}[self.kind]


def plan_calls(plugin: LocalPlugin, options: EventOptions) -> list[Call]:
    """Return the calls to make, in order. Raises WrongUsageError."""
    subscribed = _subscribed(plugin)
    if options.event is None:
        given = [name for name in ("kind", "entity", "action", "api_id", "data") if getattr(options, name) is not None]
        if given:
            raise WrongUsageError(
                f"--{given[0].replace('_', '-')} needs --event KIND: one of {', '.join(KINDS)}", "BIOT-8060"
            )
        return subscribed or [Call(DIRECT)]
    kind = _WORDS.get(options.event.lower())
    if kind is None:
        return [_from_file(options.event, options)]
    calls = [_narrowed(call, options) for call in subscribed if call.kind == kind and _fits(call, options)]
    calls = calls or [_narrowed(_default(kind, options), options)]
    return calls if options.data is None else [_with_data(call, read_json("--data", options.data)) for call in calls]


def notes(call: Call) -> list[str]:
    """Return a note for a notification that the platform's documentation does not list, which is sent all the same."""
    if call.kind != NOTIFICATION:
        return []
    actions = ACTIONS.get(call.entity)
    if actions is None:
        near = nearest(call.entity, list(ACTIONS))
        return [f"the platform's documentation lists no entity {call.entity!r}{near or ': ' + ', '.join(ACTIONS)}"]
    if call.action not in actions:
        near = nearest(call.action, actions) or f": {', '.join(actions)}"
        return [f"the platform's documentation lists no {call.action!r} of {call.entity}{near}"]
    return []


def read_json(option: str, text: str) -> Any:
    """Return the JSON of an option, given inline or as the path of a file. Raises WrongUsageError."""
    text = text.removeprefix("\ufeff")
    inline = text.lstrip().startswith(("{", "[", '"'))
    try:
        content = text if inline else read_text(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise WrongUsageError(
            f"{option}: {text} cannot be read ({reason}): give JSON or the path of a file", "BIOT-8060"
        ) from None
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WrongUsageError(f"{option}: {'the text' if inline else text} is not JSON: {error}", "BIOT-8060") from None


def _refuse(constant: str) -> None:
    """Reject NaN and Infinity, which only Python's JSON knows."""
    raise ValueError(f"there is {constant} in it")


def _subscribed(plugin: LocalPlugin) -> list[Call]:
    """Return one call for each subscription of the plugin, then its schedule."""
    wanted = plugin.inputs.subscriptions or Subscriptions()
    kinds = {kind: name for name, kind in TYPES.items()}
    calls = []
    for interception in wanted.interceptions:
        api_id = interception.api_id or _API_IDS[ADAPT]
        entity = interception.entity_type_name or entity_of(api_id)
        calls.append(Call(kinds[interception.type], api_id=api_id, entity=entity))
    for item in wanted.notifications:
        calls.append(
            Call(
                NOTIFICATION,
                entity=item.entity_type_name,
                action=item.action_name,
                template=item.template_name,
            )
        )
    return [*calls, Call(CRON)] if plugin.inputs.cron_schedule else calls


def _fits(call: Call, options: EventOptions) -> bool:
    return (
        options.entity in (None, call.entity)
        and options.api_id in (None, call.api_id)
        and (options.action is None or _action(options.action) == call.action)
    )


def _default(kind: str, options: EventOptions) -> Call:
    """Return a call of this kind that the plugin does not subscribe to."""
    if kind in TYPES:
        api_id = options.api_id or _API_IDS[kind]
        return Call(kind, api_id=api_id, entity=options.entity or entity_of(api_id))
    if kind == NOTIFICATION:
        return Call(kind, entity=options.entity or ENTITY, action=ACTION)
    return Call(kind)


def _narrowed(call: Call, options: EventOptions) -> Call:
    """Return the call with the user's options. Raises WrongUsageError for an option that does not fit the call."""
    useless = {
        "--api-id": options.api_id is not None and call.kind not in (PRE, POST, ADAPT),
        "--entity": options.entity is not None and call.kind in (CRON, DIRECT),
        "--action": options.action is not None and call.kind != NOTIFICATION,
        "--kind": options.kind is not None,
        "--data": options.data is not None and call.kind == CRON,
    }
    for option, is_useless in useless.items():
        if is_useless:
            raise WrongUsageError(f"{option} does not go with --event {options.event}", "BIOT-8060")
    if options.api_id is not None and not _is_api_id(options.api_id):
        raise WrongUsageError(
            f"--api-id {options.api_id!r}: it is a method and a path, for example {_API_IDS[PRE]}", "BIOT-8060"
        )
    return replace(
        call,
        entity=options.entity or call.entity,
        api_id=options.api_id or call.api_id,
        action=_action(options.action) if options.action else call.action,
    )


def _with_data(call: Call, data: Any) -> Call:
    if call.kind in (NOTIFICATION, ADAPT) and not isinstance(data, dict):
        raise WrongUsageError(
            f"--data: it must be a JSON object, the entity of a call of the kind {call.kind}", "BIOT-8060"
        )
    return replace(call, data=data)


def _from_file(name: str, options: EventOptions) -> Call:
    if not os.path.isfile(name):  # noqa: PTH113  (no error for what can be no path)
        near = nearest(name, list(_WORDS))
        raise WrongUsageError(
            f"--event {name!r} is neither a kind ({', '.join(KINDS)}) nor a JSON file{near}", "BIOT-8060"
        )
    content = read_json("--event", name)
    if not isinstance(content, dict):
        raise WrongUsageError(f"--event: {name} must hold a JSON object: an event, or with --kind a body", "BIOT-8060")
    for option in ("entity", "action", "api_id", "data"):
        if getattr(options, option) is not None:
            raise WrongUsageError(
                f"--{option.replace('_', '-')} does not go with a file: write it into {name}", "BIOT-8060"
            )
    if options.kind is None:
        if content and not _EVENT_MEMBERS & content.keys():
            raise WrongUsageError(
                f"--event: {name} is no whole event: say with --kind which call it is the body of", "BIOT-8060"
            )
        return Call(WHOLE, data=content)
    kind = _WORDS.get(options.kind.lower())
    if kind is None or kind == CRON:
        raise WrongUsageError(
            f"--kind {options.kind!r}: must be one of {', '.join(k for k in KINDS if k != CRON)}", "BIOT-8060"
        )
    if kind == DIRECT:
        return Call(kind, data=content)
    found = content.get("metadata")
    metadata = found if isinstance(found, dict) else {}
    return Call(
        kind,
        api_id=str(content.get("apiId", "")),
        entity=str(content.get("entityName") or metadata.get("entityTypeName", "")),
        action=str(metadata.get("actionName", "")),
        body=content,
    )


def _action(name: str) -> str:
    return name if name.startswith("_") else f"_{name}"


def _is_api_id(text: str) -> bool:
    method, slash, _ = text.partition("/")
    return bool(slash) and method.isalpha() and method.isupper()
