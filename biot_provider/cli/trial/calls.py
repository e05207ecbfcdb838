"""The calls to try a plugin with: named by the user, or all that the plugin subscribes to."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import Any

from biot_provider.emulator.plugins.responses import entity_of
from biot_provider.lifecycle.validation import nearest
from biot_provider.plugin.model import Subscriptions

from . import UsageProblem, read_text
from .plugin import TrialPlugin
from .samples import ACTION, ACTIONS, ENTITY

PRE, POST, ADAPT, NOTIFICATION, CRON, DIRECT, WHOLE = "pre", "post", "adapt", "notification", "cron", "direct", "whole"
KINDS = (PRE, POST, ADAPT, NOTIFICATION, CRON, DIRECT)
TYPES = {PRE: "PRE_REQUEST", POST: "POST_REQUEST", ADAPT: "ADAPT_ENTITY"}

_WORDS = {kind: kind for kind in KINDS} | {f"interception-{kind}": kind for kind in TYPES}
_API_IDS = {
    PRE: "PATCH/organization/v1/users/patients/{id}",
    POST: "GET/organization/v1/users/patients/{id}",
    ADAPT: "GET/organization/v1/users/patients/{id}",
}
"""What is called when neither the user nor the plugin says."""
_EVENT_MEMBERS = frozenset({"headers", "requestContext", "rawPath", "detail-type"})


@dataclass(frozen=True)
class Wish:
    """What the user said about the calls; none: not said."""

    event: str | None = None
    kind: str | None = None
    entity: str | None = None
    action: str | None = None
    api_id: str | None = None
    data: str | None = None


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
        """What happens, as the platform would name it."""
        if self.kind in (PRE, POST):
            return f"{TYPES[self.kind]} {self.api_id}"
        if self.kind == ADAPT:
            return f"{TYPES[self.kind]} {self.entity}"
        if self.kind == NOTIFICATION:
            return f"NOTIFICATION {self.entity} {self.action}"
        return {CRON: "SCHEDULE", DIRECT: "DIRECT CALL", WHOLE: "EVENT"}[self.kind]


def planned(plugin: TrialPlugin, wish: Wish) -> list[Call]:
    """The calls to make, in order. Raises UsageProblem."""
    subscribed = _subscribed(plugin)
    if wish.event is None:
        given = [name for name in ("kind", "entity", "action", "api_id", "data") if getattr(wish, name) is not None]
        if given:
            raise UsageProblem(f"--{given[0].replace('_', '-')} needs --event KIND: one of {', '.join(KINDS)}")
        return subscribed or [Call(DIRECT)]
    kind = _WORDS.get(wish.event.lower())
    if kind is None:
        return [_from_file(wish.event, wish)]
    calls = [_narrowed(call, wish) for call in subscribed if call.kind == kind and _fits(call, wish)]
    calls = calls or [_narrowed(_default(kind, wish), wish)]
    return calls if wish.data is None else [_with_data(call, read_json("--data", wish.data)) for call in calls]


def notes(call: Call) -> list[str]:
    """What is unusual about a call; the platform may know more than this table."""
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
    """JSON that was given itself, or as the path of its file. Raises UsageProblem."""
    text = text.removeprefix("\ufeff")
    inline = text.lstrip().startswith(("{", "[", '"'))
    try:
        content = text if inline else read_text(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageProblem(f"{option}: {text} cannot be read ({reason}): give JSON or the path of a file") from None
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UsageProblem(f"{option}: {'the text' if inline else text} is not JSON: {error}") from None


def _refuse(constant: str) -> None:
    """What Python's JSON has and no other."""
    raise ValueError(f"there is {constant} in it")


def _subscribed(plugin: TrialPlugin) -> list[Call]:
    """One call for each thing that the plugin asks to be told."""
    wanted = plugin.inputs.subscriptions or Subscriptions()
    kinds = {kind: name for name, kind in TYPES.items()}
    calls = []
    for item in wanted.interceptions:
        kind = kinds[item.type]
        api_id = item.api_id or _API_IDS[ADAPT]
        calls.append(Call(kind, api_id=api_id, entity=item.entity_type_name or entity_of(api_id)))
    for told in wanted.notifications:
        call = Call(NOTIFICATION, entity=told.entity_type_name, action=told.action_name, template=told.template_name)
        calls.append(call)
    return [*calls, Call(CRON)] if plugin.inputs.cron_schedule else calls


def _fits(call: Call, wish: Wish) -> bool:
    return (
        wish.entity in (None, call.entity)
        and wish.api_id in (None, call.api_id)
        and (wish.action is None or _action(wish.action) == call.action)
    )


def _default(kind: str, wish: Wish) -> Call:
    """A call of this kind that the plugin does not subscribe to."""
    if kind in TYPES:
        api_id = wish.api_id or _API_IDS[kind]
        return Call(kind, api_id=api_id, entity=wish.entity or entity_of(api_id))
    if kind == NOTIFICATION:
        return Call(kind, entity=wish.entity or ENTITY, action=ACTION)
    return Call(kind)


def _narrowed(call: Call, wish: Wish) -> Call:
    """The call with what the user said; refused where that means nothing to it."""
    useless = {
        "--api-id": wish.api_id is not None and call.kind not in (PRE, POST, ADAPT),
        "--entity": wish.entity is not None and call.kind in (CRON, DIRECT),
        "--action": wish.action is not None and call.kind != NOTIFICATION,
        "--kind": wish.kind is not None,
        "--data": wish.data is not None and call.kind == CRON,
    }
    for option, is_useless in useless.items():
        if is_useless:
            raise UsageProblem(f"{option} does not go with --event {wish.event}")
    if wish.api_id is not None and not _is_api_id(wish.api_id):
        raise UsageProblem(f"--api-id {wish.api_id!r}: it is a method and a path, for example {_API_IDS[PRE]}")
    return replace(
        call,
        entity=wish.entity or call.entity,
        api_id=wish.api_id or call.api_id,
        action=_action(wish.action) if wish.action else call.action,
    )


def _with_data(call: Call, data: Any) -> Call:
    if call.kind in (NOTIFICATION, ADAPT) and not isinstance(data, dict):
        raise UsageProblem(f"--data: it must be a JSON object, the entity of a call of the kind {call.kind}")
    return replace(call, data=data)


def _from_file(name: str, wish: Wish) -> Call:
    if not os.path.isfile(name):  # noqa: PTH113  (no error for what can be no path)
        near = nearest(name, list(_WORDS))
        raise UsageProblem(f"--event {name!r} is neither a kind ({', '.join(KINDS)}) nor a JSON file{near}")
    content = read_json("--event", name)
    if not isinstance(content, dict):
        raise UsageProblem(f"--event: {name} must hold a JSON object: an event, or with --kind a body")
    for option in ("entity", "action", "api_id", "data"):
        if getattr(wish, option) is not None:
            raise UsageProblem(f"--{option.replace('_', '-')} does not go with a file: write it into {name}")
    if wish.kind is None:
        if content and not _EVENT_MEMBERS & content.keys():
            raise UsageProblem(f"--event: {name} is no whole event: say with --kind which call it is the body of")
        return Call(WHOLE, data=content)
    kind = _WORDS.get(wish.kind.lower())
    if kind is None or kind == CRON:
        raise UsageProblem(f"--kind {wish.kind!r}: must be one of {', '.join(k for k in KINDS if k != CRON)}")
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
