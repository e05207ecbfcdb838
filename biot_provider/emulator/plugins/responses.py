"""Converts a stored plugin to the JSON of the platform's response, according to the variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from biot_provider.emulator.http.json_body import without_nulls
from biot_provider.emulator.plugins.rules import ATTRIBUTES
from biot_provider.emulator.subscriptions.subscribers import DEFAULT_ORDER, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from biot_provider.emulator.subscriptions.subscribers import Position
    from biot_provider.emulator.testing.contract_variants import ContractVariant

PREFIX = "Plugin-"
FUNCTIONS = "/_functions/"
"""The path below which the functions of plugins are served."""
IN_PROCESS = "http://embedded.invalid"
"""The address of a platform that is not served on a port."""
DEFAULT_CORS: dict[str, list[str]] = {
    "allowOrigins": ["*"],
    "allowMethods": ["GET", "POST"],
    "allowHeaders": ["authorization", "content-type"],
    "exposeHeaders": [],
}
_ENTITIES = {
    "patients": "patient",
    "caregivers": "caregiver",
    "devices": "device",
    "usage-sessions": "usage-session",
    "generic-entities": "generic-entity",
    "organizations": "organization",
    "commands": "command",
    "registration-codes": "registration-code",
}


def plugin_response(
    record: Mapping[str, Any], positions: Position, variant: ContractVariant, base_url: str = IN_PROCESS
) -> dict[str, Any]:
    """Return the PluginResponse for a caller that reached the platform at `base_url`."""
    response = {name: record[name] for name, attribute in ATTRIBUTES.items() if attribute.shown}
    if record["deploymentPackageType"] == "IMAGE":
        response |= {"runtime": None, "handler": None}
    response |= {
        "name": shown_name(record["name"], variant),
        "environmentVariables": variables(record, base_url, system=variant.system_variables == "shown"),
        "subscriptions": _subscriptions(record["subscriptions"], positions, variant),
        "cors": _cors(record["cors"], variant),
        "endpointUrl": _endpoint_url(record, base_url),
        "linkToConsole": _link_to_console(record, base_url),
        **{name: record[name] for name in ("creationTime", "lastModifiedTime")},
    }
    return without_nulls(response) if variant.absent == "omitted" else response


def shown_name(name: str, variant: ContractVariant) -> str:
    """Return the plugin's name in the form of responses and searches."""
    return PREFIX + name if variant.names == "prefixed" else name


def function_host(function_id: str) -> str:
    """Return the function's stored address, which cannot be resolved."""
    return f"https://{function_id}.lambda-url.embedded.invalid/"


def variables(record: Mapping[str, Any], base_url: str, *, system: bool) -> dict[str, str]:
    """Return the custom variables, and with `system` also those that the platform adds."""
    custom: dict[str, str] = dict(record["environmentVariables"])
    if not system:
        return custom
    return custom | {
        "BIOT_APP_NAME": record["displayName"],
        "BIOT_BASE_URL": base_url,
        "BIOT_SERVICE_USER_ID": record["serviceUserId"],
        "BIOT_SERVICE_USER_SECRET_KEY": record["serviceUserSecretKey"],
    }


def _endpoint_url(record: Mapping[str, Any], base_url: str) -> str:
    """Return the function's URL, below the platform's address if the platform is served."""
    stored: str = record["endpointUrl"]
    if base_url == IN_PROCESS:
        return stored
    function_id = stored.removeprefix("https://").partition(".")[0]
    return f"{base_url}{FUNCTIONS}{function_id}/"


def stored_link_to_console(name: str) -> str:
    """Return the console's address of a plugin for a platform without a port, which cannot be resolved."""
    return f"https://console.embedded.invalid/lambda/home#/functions/{PREFIX}{name}"


def _link_to_console(record: Mapping[str, Any], base_url: str) -> Any:
    """Return the console's address of a plugin if the platform is served; an edited value stays."""
    stored, name = record["linkToConsole"], record["name"]
    if base_url == IN_PROCESS or stored != stored_link_to_console(name):
        return stored
    return f"{base_url}/#plugin={quote(name)}"


def _subscriptions(
    stored: Mapping[str, Any] | None, positions: Position, variant: ContractVariant
) -> dict[str, Any] | None:
    if stored is None:
        if variant.absent == "omitted":
            return None
        stored = {"interceptionOrder": DEFAULT_ORDER, "interceptions": [], "notifications": []}
    interceptions = [_interception(item, stored, positions, variant) for item in stored["interceptions"]]
    notifications = [
        {name: item.get(name) for name in ("entityTypeName", "actionName", "templateName")}
        for item in stored["notifications"]
    ]
    return {
        "interceptionOrder": stored["interceptionOrder"],
        "interceptions": _ordered(interceptions, variant),
        "notifications": _ordered(notifications, variant),
    }


def _interception(
    item: Mapping[str, Any], stored: Mapping[str, Any], positions: Position, variant: ContractVariant
) -> dict[str, Any]:
    order = item.get("order")
    if variant.orders == "filled" and order is None:
        order = stored["interceptionOrder"]
    elif variant.orders == "shifted":
        order = positions.get(key_of(item))
    entity = item.get("entityTypeName")
    if entity is None and variant.entity_names == "filled":
        entity = entity_of(item["apiId"])
    return {"type": item["type"], "apiId": item.get("apiId"), "entityTypeName": entity, "order": order}


def entity_of(api_id: str) -> str:
    """Return the entity of an API, derived from its path: `POST/device/v2/devices` is about a device."""
    segments = api_id.split("/")
    known = [_ENTITIES[segment] for segment in segments if segment in _ENTITIES]
    return known[-1] if known else segments[1 % len(segments)]


def _cors(stored: Mapping[str, Any] | None, variant: ContractVariant) -> dict[str, Any] | None:
    if stored is None and variant.absent == "omitted":
        return None
    merged = DEFAULT_CORS | dict(stored or {})
    return {name: _ordered(list(values), variant) for name, values in merged.items()}


def _ordered(items: list[Any], variant: ContractVariant) -> list[Any]:
    return items[::-1] if variant.lists == "reversed" else items
