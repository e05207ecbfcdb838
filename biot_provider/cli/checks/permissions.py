"""What the identity may do, permission by permission.

Every request here is one that cannot change anything, whatever the identity may do: it names what cannot exist, or is
no valid creation. The platform checks permissions first, so its answer tells whether they are there.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from . import Note, Problem
from .connection import ask, code, said

if TYPE_CHECKING:
    from biot_provider.api.client import Client

_PLUGINS = "/settings/v2/plugins"
# Names are letters, digits, hyphens and underscores: with a blank in it this one is nobody's.
_NO_PLUGIN = f"{_PLUGINS}/Plugin-no%20plugin"
_NO_ID = "00000000-0000-0000-0000-000000000000"
_SERVICES = "/ums/v2/services"
_NO_SERVICE = f"{_SERVICES}/{_NO_ID}"
_INTERCEPTIONS = "/dispatcher/v1/hooks/interceptions"
_NOTIFICATIONS = "/dispatcher/v1/hooks/notifications"
_GONE = frozenset({"PLUGIN_NOT_FOUND", "SERVICE_USER_NOT_FOUND", "SECRET_KEY_ID_NOT_FOUND"})


class Permission(NamedTuple):
    """A permission, and a request that needs it and changes nothing."""

    name: str
    method: str
    path: str
    content: dict[str, Any]
    passed: int
    """The status that only a permitted caller gets, beside 400."""


class Kind(NamedTuple):
    """A kind of resource that not every program has, and the permissions it needs."""

    resource: str
    permissions: tuple[Permission, ...]


def _search(prop: str, value: str) -> dict[str, Any]:
    return {"params": {"searchRequest": json.dumps({"filter": {prop: {"eq": value}}, "limit": 1})}}


PERMISSIONS = (
    Permission("SETTINGS_PLUGIN_GET", "GET", _NO_PLUGIN, {}, 404),
    Permission("SETTINGS_PLUGIN_SEARCH", "GET", _PLUGINS, _search("name", "no plugin"), 200),
    Permission(
        "SETTINGS_PLUGIN_CREATE", "POST", _PLUGINS, {"files": {"config": (None, b'{"name": "no plugin"}')}}, 400
    ),
    Permission("SETTINGS_PLUGIN_UPDATE", "PATCH", _NO_PLUGIN, {"files": {"config": (None, b"{}")}}, 404),
    Permission("SETTINGS_PLUGIN_DELETE", "DELETE", _NO_PLUGIN, {}, 404),
)
"""What ``biot.Plugin`` needs, and so every deployment."""

KINDS = (
    Kind(
        "biot.PluginImage",
        (
            Permission(
                "SETTINGS_PLUGIN_GET_DOCKER_REPOSITORY_TEMP_CREDENTIALS",
                *("GET", f"{_PLUGINS}/docker-repository/temp-credentials", {}, 200),
            ),
        ),
    ),
    Kind(
        "biot.ServiceUser",
        (
            Permission("UMS_USERS_GET_SERVICE_USER_BY_ID", "GET", _NO_SERVICE, {}, 404),
            Permission("UMS_USERS_SEARCH_SERVICE_USERS", "GET", _SERVICES, _search("id", _NO_ID), 200),
            Permission("UMS_SERVICES_CREATE_SERVICE_USER", "POST", _SERVICES, {"json": {}}, 400),
            Permission("UMS_SERVICES_UPDATE_SERVICE_USER", "PATCH", _NO_SERVICE, {"json": {}}, 404),
            Permission("UMS_SERVICES_DELETE_SERVICE_USER", "DELETE", _NO_SERVICE, {}, 404),
        ),
    ),
    Kind(
        "biot.ServiceUserKey",
        (
            Permission("UMS_USERS_GET_SERVICE_USER_BY_ID", "GET", _NO_SERVICE, {}, 404),
            Permission("UMS_USERS_CREATE_SECRET_KEY_BY_SERVICE_USER_ID", "POST", f"{_NO_SERVICE}/secret-keys", {}, 404),
            Permission("UMS_USERS_DELETE_SECRET_KEY_BY_ID", "DELETE", f"{_NO_SERVICE}/secret-keys/{_NO_ID}", {}, 404),
        ),
    ),
    Kind(
        "biot.InterceptionSubscription",
        (
            Permission("HOOKS_INTERCEPTION_SEARCH", "GET", _INTERCEPTIONS, _search("endpoint", "nowhere"), 200),
            Permission("HOOKS_INTERCEPTION_CREATE", "POST", f"{_INTERCEPTIONS}/subscribe", {"json": {}}, 400),
            Permission("HOOKS_INTERCEPTION_DELETE", "POST", f"{_INTERCEPTIONS}/unsubscribe", {"json": {}}, 400),
        ),
    ),
    Kind(
        "biot.NotificationSubscription",
        (
            Permission("DISPATCHER_SUBSCRIPTIONS_SEARCH", "GET", _NOTIFICATIONS, _search("endpoint", "nowhere"), 200),
            Permission("DISPATCHER_SUBSCRIPTIONS_SUBSCRIBE", "POST", f"{_NOTIFICATIONS}/subscribe", {"json": {}}, 400),
            Permission(
                "DISPATCHER_SUBSCRIPTIONS_UNSUBSCRIBE", "POST", f"{_NOTIFICATIONS}/unsubscribe", {"json": {}}, 400
            ),
        ),
    ),
)
"""What the other resources need. Nobody but the program knows which of them it has, so a gap here is a note."""


def permission(client: Client, wanted: Permission) -> str:
    """The identity has the permission."""
    if _is_given(client, wanted):
        return "given"
    raise Problem(f"missing: give the role of this identity the permission {wanted.name}")


def kind(client: Client, wanted: Kind) -> str:
    """The identity has what this kind of resource needs; raises Note with what is missing."""
    missing = [needed.name for needed in wanted.permissions if not _is_given(client, needed)]
    if missing:
        raise Note(f"lacks {', '.join(missing)}: needed only where the program has this resource")
    return "every permission it needs is given"


def _is_given(client: Client, wanted: Permission) -> bool:
    answer = ask(client, wanted.method, wanted.path, f"ask for {wanted.name}", **wanted.content)
    if answer.status == HTTPStatus.FORBIDDEN:
        return False
    if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED) and wanted.method != "GET":
        raise Problem(f"{said(answer)} to a request without sense: look at the plugins in the BioT Console")
    # A refusal of the request itself shows as well that the caller may make it.
    passed = answer.status in (wanted.passed, HTTPStatus.BAD_REQUEST)
    if not passed or (answer.status == HTTPStatus.NOT_FOUND and code(answer) not in _GONE):
        raise Problem(f"cannot be told: {said(answer)}: run this again")
    return True
