"""Checks of the identity's permissions.

No request here can change anything, whatever the permissions: it names a resource that cannot exist, or is an invalid
creation. The platform checks permissions first, so the status shows whether the identity has them.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from biot_provider.api.client import INTERCEPTIONS, NOTIFICATIONS, PLUGINS, SERVICE_USERS
from biot_provider.cli.doctor.connection import NO_PLUGIN, code, describe, send
from biot_provider.cli.doctor.report import NoteError
from biot_provider.cli.errors import CommandError

if TYPE_CHECKING:
    from biot_provider.api.client import Client

_NO_ID = "00000000-0000-0000-0000-000000000000"
_NO_SERVICE = f"{SERVICE_USERS}/{_NO_ID}"
_GONE = frozenset({"PLUGIN_NOT_FOUND", "SERVICE_USER_NOT_FOUND", "SECRET_KEY_ID_NOT_FOUND"})


class Permission(NamedTuple):
    """A permission, and a request that needs it and changes nothing."""

    name: str
    method: str
    path: str
    content: dict[str, Any]
    permitted_status: int
    """The status that only a permitted caller gets, apart from 400."""


class KindPermissions(NamedTuple):
    """A kind of resource that not every program has, and the permissions it needs."""

    resource: str
    permissions: tuple[Permission, ...]


def _search(prop: str, value: str) -> dict[str, Any]:
    return {"params": {"searchRequest": json.dumps({"filter": {prop: {"eq": value}}, "limit": 1})}}


PERMISSIONS = (
    Permission("SETTINGS_PLUGIN_GET", "GET", NO_PLUGIN, {}, 404),
    Permission("SETTINGS_PLUGIN_SEARCH", "GET", PLUGINS, _search("name", "no plugin"), 200),
    Permission("SETTINGS_PLUGIN_CREATE", "POST", PLUGINS, {"files": {"config": (None, b'{"name": "no plugin"}')}}, 400),
    Permission("SETTINGS_PLUGIN_UPDATE", "PATCH", NO_PLUGIN, {"files": {"config": (None, b"{}")}}, 404),
    Permission("SETTINGS_PLUGIN_DELETE", "DELETE", NO_PLUGIN, {}, 404),
)
"""Permissions of ``biot.Plugin``, which every deployment needs."""

KINDS = (
    KindPermissions(
        "biot.PluginImage",
        (
            Permission(
                "SETTINGS_PLUGIN_GET_DOCKER_REPOSITORY_TEMP_CREDENTIALS",
                *("GET", f"{PLUGINS}/docker-repository/temp-credentials", {}, 200),
            ),
        ),
    ),
    KindPermissions(
        "biot.ServiceUser",
        (
            Permission("UMS_USERS_GET_SERVICE_USER_BY_ID", "GET", _NO_SERVICE, {}, 404),
            Permission("UMS_USERS_SEARCH_SERVICE_USERS", "GET", SERVICE_USERS, _search("id", _NO_ID), 200),
            Permission("UMS_SERVICES_CREATE_SERVICE_USER", "POST", SERVICE_USERS, {"json": {}}, 400),
            Permission("UMS_SERVICES_UPDATE_SERVICE_USER", "PATCH", _NO_SERVICE, {"json": {}}, 404),
            Permission("UMS_SERVICES_DELETE_SERVICE_USER", "DELETE", _NO_SERVICE, {}, 404),
        ),
    ),
    KindPermissions(
        "biot.ServiceUserKey",
        (
            Permission("UMS_USERS_GET_SERVICE_USER_BY_ID", "GET", _NO_SERVICE, {}, 404),
            Permission("UMS_USERS_CREATE_SECRET_KEY_BY_SERVICE_USER_ID", "POST", f"{_NO_SERVICE}/secret-keys", {}, 404),
            Permission("UMS_USERS_DELETE_SECRET_KEY_BY_ID", "DELETE", f"{_NO_SERVICE}/secret-keys/{_NO_ID}", {}, 404),
        ),
    ),
    KindPermissions(
        "biot.InterceptionSubscription",
        (
            Permission("HOOKS_INTERCEPTION_SEARCH", "GET", INTERCEPTIONS, _search("endpoint", "nowhere"), 200),
            Permission("HOOKS_INTERCEPTION_CREATE", "POST", f"{INTERCEPTIONS}/subscribe", {"json": {}}, 400),
            Permission("HOOKS_INTERCEPTION_DELETE", "POST", f"{INTERCEPTIONS}/unsubscribe", {"json": {}}, 400),
        ),
    ),
    KindPermissions(
        "biot.NotificationSubscription",
        (
            Permission("DISPATCHER_SUBSCRIPTIONS_SEARCH", "GET", NOTIFICATIONS, _search("endpoint", "nowhere"), 200),
            Permission("DISPATCHER_SUBSCRIPTIONS_SUBSCRIBE", "POST", f"{NOTIFICATIONS}/subscribe", {"json": {}}, 400),
            Permission(
                "DISPATCHER_SUBSCRIPTIONS_UNSUBSCRIBE", "POST", f"{NOTIFICATIONS}/unsubscribe", {"json": {}}, 400
            ),
        ),
    ),
)
"""Permissions of the other resources. A missing one is a note, since only the program knows which resources it has."""


def permission(client: Client, required: Permission) -> str:
    """Check that the identity has the permission. Raises CommandError."""
    if _is_given(client, required):
        return "given"
    raise CommandError(f"missing: give the role of this identity the permission {required.name}", "BIOT-8035")


def kind(client: Client, required: KindPermissions) -> str:
    """Check the permissions of a kind of resource. Raises NoteError with the missing ones."""
    missing = [needed.name for needed in required.permissions if not _is_given(client, needed)]
    if missing:
        raise NoteError(f"lacks {', '.join(missing)}: needed only where the program has this resource", "BIOT-8035")
    return "every permission it needs is given"


def _is_given(client: Client, required: Permission) -> bool:
    response = send(client, required.method, required.path, f"check {required.name}", **required.content)
    if response.status == HTTPStatus.FORBIDDEN:
        return False
    if response.status in (HTTPStatus.OK, HTTPStatus.CREATED) and required.method != "GET":
        raise CommandError(
            f"{describe(response)} to a request without sense: look at the plugins in the BioT Console", "BIOT-8036"
        )
    # 400 refuses the content of the request, after the permission was checked.
    is_permitted = response.status in (required.permitted_status, HTTPStatus.BAD_REQUEST)
    if not is_permitted or (response.status == HTTPStatus.NOT_FOUND and code(response) not in _GONE):
        raise CommandError(f"cannot be checked: {describe(response)}: run this again", "BIOT-8036")
    return True
