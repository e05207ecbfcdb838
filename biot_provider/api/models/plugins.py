"""A plugin as the platform shows it (BioT API 2.4.2, settings)."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from biot_provider.api.models.wide import (
    Answer,
    Flag,
    Items,
    Object,
    Text,
    TextMap,
    Texts,
    Whole,
    WideItem,
    number,
)

NAME_PREFIX = "Plugin-"
"""The platform's prefix of a plugin's name: paths of the API have it, names in this package never do."""


class InterceptionAnswer(WideItem):
    """An interception as the platform shows it, which may have filled in order and entity."""

    type: Text = None
    api_id: Text = None
    entity_type_name: Text = None
    order: Whole = None


class NotificationAnswer(WideItem):
    """A notification as the platform shows it."""

    entity_type_name: Text = None
    action_name: Text = None
    template_name: Text = None


class SubscriptionsAnswer(Answer):
    """Subscriptions as the platform shows them."""

    interception_order: Whole = None
    interceptions: Items[InterceptionAnswer] = None
    notifications: Items[NotificationAnswer] = None


class CorsAnswer(Answer):
    """CORS as the platform shows it."""

    allow_origins: Texts = None
    allow_methods: Texts = None
    allow_headers: Texts = None
    expose_headers: Texts = None


_ALWAYS_SHOWN = frozenset(
    {"name", "displayName", "version", "endpointUrl", "linkToConsole", "creationTime", "lastModifiedTime"}
)
"""The members that a plugin has in every response (BioT API 2.4.2, PluginResponse)."""

_FEWEST_SHOWN = 3


class PluginShown(Answer):
    """The fields that a plugin's state and the platform's response share."""

    display_name: Text = None
    version: Whole = None
    runtime: Text = None
    handler: Text = None
    timeout: Whole = None
    memory_size: Whole = None
    ephemeral_storage: Whole = None
    environment_variables: TextMap = None
    subscriptions: Object[SubscriptionsAnswer] = None
    enabled_state: Text = None
    cron_schedule: Text = None
    analytics_db_access: Flag = None
    cors: Object[CorsAnswer] = None
    deployment_package_type: Text = None
    endpoint_url: Text = None
    link_to_console: Text = None
    creation_time: Text = None
    last_modified_time: Text = None


class PluginAnswer(PluginShown):
    """A plugin as the platform shows it; a missing member is not the same as null."""

    name: Text = None

    @model_validator(mode="before")
    @classmethod
    def _is_a_plugin(cls, value: Any) -> Any:
        """Refuse JSON that is not a plugin, such as a gateway's: it lacks most members that every plugin has."""
        if not isinstance(value, dict) or len(_ALWAYS_SHOWN & value.keys()) >= _FEWEST_SHOWN:
            return value
        if not (isinstance(value.get("name"), str) and isinstance(value.get("version"), int)):
            raise ValueError("has not the members of a plugin")
        return value

    @property
    def bare_name(self) -> str:
        """The name without the platform's prefix, which the platform may or may not show."""
        return (self.name or "").removeprefix(NAME_PREFIX)

    @property
    def deployed_version(self) -> int:
        """The version of the deployed code, 0 if the platform shows none."""
        return number(self.version)
