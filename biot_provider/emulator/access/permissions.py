"""The permissions, and those of each role (BioT API 2.4.3, settings, ums, dispatcher)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

PERMISSIONS = (
    "SETTINGS_PLUGIN_CREATE",
    "SETTINGS_PLUGIN_UPDATE",
    "SETTINGS_PLUGIN_GET",
    "SETTINGS_PLUGIN_SEARCH",
    "SETTINGS_PLUGIN_DELETE",
    "SETTINGS_PLUGIN_GET_DOCKER_REPOSITORY_TEMP_CREDENTIALS",
    "SETTINGS_SEARCH_INTERCEPTION_SUBSCRIPTION_CONFIGURATIONS",
    "SETTINGS_GET_ENTITY_TYPES",
    "SETTINGS_SEARCH_ENTITY_TYPES",
    "SETTINGS_SEARCH_TEMPLATE",
    "UMS_SERVICES_CREATE_SERVICE_USER",
    "UMS_SERVICES_UPDATE_SERVICE_USER",
    "UMS_SERVICES_DELETE_SERVICE_USER",
    "UMS_USERS_GET_SERVICE_USER_BY_ID",
    "UMS_USERS_SEARCH_SERVICE_USERS",
    "UMS_USERS_CREATE_SECRET_KEY_BY_SERVICE_USER_ID",
    "UMS_USERS_DELETE_SECRET_KEY_BY_ID",
    "UMS_SERVICES_SELF_GET_SERVICE_USER",
    "UMS_SERVICES_SELF_CREATE_SECRET_KEY",
    "UMS_SERVICES_SELF_DELETE_SECRET_KEY",
    "HOOKS_INTERCEPTION_CREATE",
    "HOOKS_INTERCEPTION_DELETE",
    "HOOKS_INTERCEPTION_SEARCH",
    "DISPATCHER_SUBSCRIPTIONS_SUBSCRIBE",
    "DISPATCHER_SUBSCRIPTIONS_UNSUBSCRIBE",
    "DISPATCHER_SUBSCRIPTIONS_SEARCH",
)

ROLE = "5f3a6c1e-0000-4000-8000-000000000001"
"""The built-in service user's role: every permission."""
POWERLESS_ROLE = "5f3a6c1e-0000-4000-8000-000000000002"
"""The role of the service users that come with plugins: they may only log in."""
ROLES: Mapping[str, tuple[str, ...]] = {ROLE: PERMISSIONS, POWERLESS_ROLE: ()}
"""The existing roles. Another id, if the variant `roles` accepts it, is a role with every permission."""


def known(permissions: Iterable[str]) -> list[str]:
    """Return the permissions as a list. Raises ValueError for those that do not exist."""
    permissions = list(permissions)
    unknown = set(permissions).difference(PERMISSIONS)
    if unknown:
        message = f"unknown permissions {', '.join(sorted(unknown))}: there are {', '.join(PERMISSIONS)}"
        raise ValueError(message)
    return permissions


def of_holder(row: sqlite3.Row) -> tuple[str, ...]:
    """Return a user's permissions: its individual ones if it has any, else those of its role."""
    if row["permissions"] is not None:
        return tuple(json.loads(row["permissions"]))
    return ROLES.get(row["role"], PERMISSIONS)
