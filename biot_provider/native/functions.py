"""``getPlugin``, ``listPlugins`` and ``getPublicKey`` for programs in every language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from biot_provider.api.models.plugins import PluginAnswer
from biot_provider.lifecycle.codec import Secret
from biot_provider.plugin.state import own_variables

if TYPE_CHECKING:
    from biot_provider.api.client import Client

Function = Callable[["Client", Mapping[str, Any]], Mapping[str, Any]]


def get_plugin(client: Client, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return one plugin by its bare name. Raises NotFoundError."""
    return _shown(client.get_plugin(str(arguments.get("name", ""))))


def list_plugins(client: Client, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return all matching plugins, from every page."""
    found = client.search_plugins(
        filters=arguments.get("filters"), sort=arguments.get("sort") or (), free_text=arguments.get("freeText")
    )
    return {"plugins": [_shown(answer) for answer in found]}


def get_public_key(client: Client, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keys by which a plugin verifies the platform's calls."""
    return client.get_public_key().model_dump(mode="json", by_alias=True, exclude_none=True)


FUNCTIONS: Mapping[str, Function] = {
    "biot:index:getPlugin": get_plugin,
    "biot:index:listPlugins": list_plugins,
    "biot:index:getPublicKey": get_public_key,
}


def _shown(answer: PluginAnswer) -> dict[str, Any]:
    variables = {key: Secret(value) for key, value in own_variables(answer.environment_variables).items()}
    shown = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    return shown | {"name": answer.bare_name, "environmentVariables": variables}
