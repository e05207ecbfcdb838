"""The attributes of a plugin, with rules and defaults, from which storage, PATCH and responses follow.

Rules that need the stored plugin (versions, package type) are in `service`. Source: BioT API 2.4.2, plugins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from biot_provider.emulator.http.errors import ApiError, invalid
from biot_provider.emulator.http.readers import Reader, boolean, integer, list_of, members, one_of, text
from biot_provider.emulator.plugins.cron import accepted_by_platform

RESERVED_PREFIX = "BIOT_"
RESERVED_ORDER = 0
"""The reserved interception order. The API does not document the number; since orders start at 1, it is 0 here."""

_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def plugin_name(value: Any, path: str) -> str:
    """Check a bare name: at most 57 characters, because of the prefix and AWS's limit of 64."""
    name: str = text(1, 57)(value, path)
    if not _NAME.fullmatch(name):
        raise invalid(path, "must match [a-zA-Z0-9-_]+")
    return name


def cron_schedule(value: Any, path: str) -> str:
    """Check a schedule: six fields in AWS's notation, at most 250 characters."""
    expression: str = text(0, 250)(value, path)
    if not accepted_by_platform(expression):
        raise invalid(path, "must be a cron expression of six fields")
    return expression


def environment(value: Any, path: str) -> dict[str, str]:
    """Check the custom variables: nonempty strings, without the platform's prefix."""
    if not isinstance(value, dict):
        raise invalid(path, "must be an object")
    for key, variable in value.items():
        if not key:
            raise invalid(path, "a key must not be empty")
        if not isinstance(variable, str) or not variable:
            raise invalid(f"{path}.{key}", "must be a string that is not empty")
        if key.startswith(RESERVED_PREFIX):
            raise ApiError(
                400,
                "ENVIRONMENT_VARIABLES_CANNOT_START_WITH_RESERVED_PREFIX",
                f"Environment variable [{key}] starts with the reserved prefix [{RESERVED_PREFIX}]",
                {"environmentVariable": key, "reservedPrefix": RESERVED_PREFIX},
            )
    return dict(value)


def interception_order(value: Any, path: str) -> int:
    """Check the place among the interceptors of one API: 1 or more."""
    number: int = integer(-(2**31), 2**31 - 1)(value, path)
    if number == RESERVED_ORDER:
        raise ApiError(
            400,
            "INTERCEPTION_ORDER_CANNOT_BE_RESERVED_ORDER",
            f"{path}: [{number}] is reserved",
            {"order": number, "reservedOrder": RESERVED_ORDER},
        )
    if number < 1:
        raise invalid(path, "must be a positive number")
    return number


def interception(value: Any, path: str) -> dict[str, Any]:
    """Check one interception: an API for PRE_REQUEST and POST_REQUEST, an entity for ADAPT_ENTITY."""
    clean = members(value, path, _INTERCEPTION, required=("type",))
    kind, api_id = clean["type"], clean.get("apiId")
    adapts = kind == "ADAPT_ENTITY"
    if adapts == (api_id is not None):
        raise ApiError(
            400,
            "INTERCEPTION_MUST_HAVE_CORRECT_API_ID_NULL_VALUE_FOR_TYPE",
            f"{path}.apiId: must {'' if adapts else 'not '}be null for [{kind}]",
            {"type": kind, "correctValue": "null" if adapts else "not null", "apiId": api_id},
        )
    if adapts and "entityTypeName" not in clean:
        raise invalid(f"{path}.entityTypeName", "must not be null for [ADAPT_ENTITY]")
    return clean


def notification(value: Any, path: str) -> dict[str, Any]:
    """Check one notification: an entity, an action, and optionally one template of the entity."""
    return members(value, path, _NOTIFICATION, required=("entityTypeName", "actionName"))


def subscriptions(value: Any, path: str) -> dict[str, Any]:
    """Check the subscriptions; return only the members that were sent."""
    return members(value, path, _SUBSCRIPTIONS)


def cors(value: Any, path: str) -> dict[str, Any]:
    """Check the CORS settings; return only the lists that were sent."""
    return members(value, path, _CORS)


_INTERCEPTION: dict[str, Reader] = {
    "type": one_of("PRE_REQUEST", "POST_REQUEST", "ADAPT_ENTITY"),
    "apiId": text(1, 2048),
    "entityTypeName": text(1, 255),
    "order": interception_order,
}
_NOTIFICATION: dict[str, Reader] = {
    "entityTypeName": text(1, 255),
    "actionName": text(1, 255),
    "templateName": text(1, 255),
}
_SUBSCRIPTIONS: dict[str, Reader] = {
    "interceptionOrder": interception_order,
    "interceptions": list_of(interception),
    "notifications": list_of(notification),
}
_CORS: dict[str, Reader] = {
    "allowOrigins": list_of(text(1, 2048)),
    "allowMethods": list_of(one_of("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH")),
    "allowHeaders": list_of(text(1, 2048)),
    "exposeHeaders": list_of(text(1, 2048)),
}


@dataclass(frozen=True)
class Attribute:
    """One attribute of a plugin."""

    read: Reader
    default: Any = None
    """The value if a creation does not send the attribute."""
    required: bool = False
    """Whether a creation must send it."""
    fixed: bool = False
    """Whether only a creation may send it."""
    null_clears: bool = False
    """Whether a null in an update may clear the attribute; any other null counts as not sent."""
    shown: bool = True
    """Whether responses contain it."""


ATTRIBUTES: dict[str, Attribute] = {
    "name": Attribute(plugin_name, required=True, fixed=True),
    "displayName": Attribute(text(0, 255), required=True),
    "version": Attribute(integer(1, 32767), required=True),
    "runtime": Attribute(text(0, 50), default="nodejs16.x"),
    "handler": Attribute(text(0, 1024), default="index.handler"),
    "timeout": Attribute(integer(1, 900), default=60),
    "memorySize": Attribute(integer(128, 10240), default=128),
    "ephemeralStorage": Attribute(integer(512, 10240), default=512),
    "environmentVariables": Attribute(environment, default={}),
    "subscriptions": Attribute(subscriptions),
    "enabledState": Attribute(one_of("ENABLED", "DISABLED"), default="ENABLED"),
    "cronSchedule": Attribute(cron_schedule, null_clears=True),
    "analyticsDbAccess": Attribute(boolean, default=False),
    "cors": Attribute(cors),
    "imageTag": Attribute(text(0, 128), shown=False),
    "deploymentPackageType": Attribute(one_of("ZIP", "IMAGE"), default="ZIP", fixed=True),
}
"""The attributes by member name, in the order in which the platform checks them."""

DEFAULTS = {name: attribute.default for name, attribute in ATTRIBUTES.items() if not attribute.required}

_READERS = {name: attribute.read for name, attribute in ATTRIBUTES.items()}
_CHANGEABLE = {name: attribute.read for name, attribute in ATTRIBUTES.items() if not attribute.fixed}
_REQUIRED = tuple(name for name, attribute in ATTRIBUTES.items() if attribute.required)
_CLEARABLE = tuple(name for name, attribute in ATTRIBUTES.items() if attribute.null_clears)


def read_new(config: Any) -> dict[str, Any]:
    """Check the config of a creation: nulls count as not sent."""
    return members(config, "", _READERS, required=_REQUIRED)


def read_change(config: Any) -> dict[str, Any]:
    """Check the config of an update: nothing is required."""
    return members(config, "", _CHANGEABLE, nulls=_CLEARABLE)


def read_replacement(config: Any) -> dict[str, Any]:
    """Check the config of a PUT of the old v1 API: the whole configuration, like a creation without a name."""
    return members(config, "", _CHANGEABLE, required=_REQUIRED)
