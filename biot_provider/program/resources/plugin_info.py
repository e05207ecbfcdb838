"""Generated from biot_provider/api/models/plugins.py by tools/generate (`make docs`); do not edit."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class PluginInfo(BaseModel):
    """A plugin as the platform shows it: names bare, without the variables the platform sets itself."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: str
    display_name: str | None
    version: int | str | None
    runtime: str | None
    handler: str | None
    timeout: int | str | None
    memory_size: int | str | None
    ephemeral_storage: int | str | None
    environment_variables: Mapping[str, str] = Field(repr=False)
    """Their values are secrets: wrap what you take of them in ``pulumi.Output.secret``."""
    subscriptions: Mapping[str, Any] | None
    enabled_state: str | None
    cron_schedule: str | None
    analytics_db_access: bool | str | None
    cors: Mapping[str, Any] | None
    deployment_package_type: str | None
    endpoint_url: str | None
    link_to_console: str | None
    creation_time: str | None
    last_modified_time: str | None
