"""The routes of plugins (BioT API 2.4.2, settings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..http.errors import method_not_allowed
from ..http.routes import Route

if TYPE_CHECKING:
    from ..http.routes import Call
    from ..testing.switches import Switches
    from .service import Plugins

BIOT_VERSION = "2.4.3"
MAX_UPLOAD = 64 * 1024 * 1024
"""Bytes of a request with code: more than AWS's limit for the zip, so that AWS's own refusal shows."""

_PLUGINS = "/settings/v2/plugins"
_PLUGIN = f"{_PLUGINS}/<name>"


class PluginsApi:
    """Plugins over HTTP, and what the settings service says of itself."""

    def __init__(self, plugins: Plugins, switches: Switches) -> None:
        self._plugins = plugins
        self._switches = switches

    def routes(self) -> list[Route]:
        """What it answers."""
        return [
            Route("GET", "/settings/v1/system/properties", self._properties),
            Route("GET", "/settings/system/healthCheck", self._health),
            Route("POST", _PLUGINS, self._create, "SETTINGS_PLUGIN_CREATE", MAX_UPLOAD),
            Route("GET", _PLUGINS, self._search, "SETTINGS_PLUGIN_SEARCH"),
            Route("GET", _PLUGIN, self._get, "SETTINGS_PLUGIN_GET"),
            Route("PATCH", _PLUGIN, self._update, "SETTINGS_PLUGIN_UPDATE", MAX_UPLOAD),
            Route("PUT", _PLUGIN, self._replace, "SETTINGS_PLUGIN_UPDATE", MAX_UPLOAD),
            Route("DELETE", _PLUGIN, self._delete, "SETTINGS_PLUGIN_DELETE"),
        ]

    def _properties(self, _call: Call) -> tuple[int, Any]:
        return 200, {"biotVersion": BIOT_VERSION}

    def _health(self, _call: Call) -> tuple[int, Any]:
        return 200, {"version": "embedded", "springVersion": "none", "traceId": ""}

    def _create(self, call: Call) -> tuple[int, Any]:
        config, code = call.config_and_code
        return 201, self._plugins.create(config, code, call.base_url)

    def _search(self, call: Call) -> tuple[int, Any]:
        return 200, self._plugins.search(call.search_request, call.base_url)

    def _get(self, call: Call, name: str) -> tuple[int, Any]:
        return 200, self._plugins.get(name, call.base_url)

    def _update(self, call: Call, name: str) -> tuple[int, Any]:
        config, code = call.config_and_code
        return 200, self._plugins.update(name, config, code, call.base_url)

    def _replace(self, call: Call, name: str) -> tuple[int, Any]:
        if self._switches.read().put == "refused":
            raise method_not_allowed("PUT")
        config, code = call.config_and_code
        return 200, self._plugins.update(name, config, code, call.base_url, replace=True)

    def _delete(self, _call: Call, name: str) -> tuple[int, Any]:
        self._plugins.delete(name)
        return 204, None
