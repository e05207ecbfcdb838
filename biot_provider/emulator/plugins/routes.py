"""The routes of plugins, and of information about the settings service (BioT API 2.4.2, settings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biot_provider.emulator.http.errors import method_not_allowed
from biot_provider.emulator.http.routes import Route

if TYPE_CHECKING:
    from biot_provider.emulator.http.routes import Call
    from biot_provider.emulator.plugins.service import Plugins
    from biot_provider.emulator.testing.contract_variants import ContractVariants

BIOT_VERSION = "2.4.3"
MAX_UPLOAD_BYTES = 64 * 1024 * 1024
"""Maximum bytes of a request with code: above AWS's limit for the zip, so that AWS's refusal shows."""

_PLUGINS = "/settings/v2/plugins"
_PLUGIN = f"{_PLUGINS}/<name>"


def routes(plugins: Plugins, variants: ContractVariants) -> list[Route]:
    """List the routes."""

    def create(call: Call) -> tuple[int, Any]:
        config, code = call.config_and_code
        return 201, plugins.create(config, code, call.base_url)

    def update(call: Call, name: str, *, replace: bool = False) -> tuple[int, Any]:
        config, code = call.config_and_code
        return 200, plugins.update(name, config, code, call.base_url, replace=replace)

    def put(call: Call, name: str) -> tuple[int, Any]:
        if variants.read().put == "refused":
            raise method_not_allowed("PUT")
        return update(call, name, replace=True)

    def search(call: Call) -> tuple[int, Any]:
        return 200, plugins.search(call.search_request, call.base_url)

    def delete(_call: Call, name: str) -> tuple[int, None]:
        plugins.delete(name)
        return 204, None

    health = {"version": "embedded", "springVersion": "none", "traceId": ""}
    return [
        Route("GET", "/settings/v1/system/properties", lambda _: (200, {"biotVersion": BIOT_VERSION})),
        Route("GET", "/settings/system/healthCheck", lambda _: (200, dict(health))),
        Route("POST", _PLUGINS, create, "SETTINGS_PLUGIN_CREATE", MAX_UPLOAD_BYTES),
        Route("GET", _PLUGINS, search, "SETTINGS_PLUGIN_SEARCH"),
        Route("GET", _PLUGIN, lambda call, name: (200, plugins.get(name, call.base_url)), "SETTINGS_PLUGIN_GET"),
        Route("PATCH", _PLUGIN, update, "SETTINGS_PLUGIN_UPDATE", MAX_UPLOAD_BYTES),
        Route("PUT", _PLUGIN, put, "SETTINGS_PLUGIN_UPDATE", MAX_UPLOAD_BYTES),
        Route("DELETE", _PLUGIN, delete, "SETTINGS_PLUGIN_DELETE"),
    ]
