"""A check of a plugin's arguments by the provider."""

from __future__ import annotations

from typing import Any

from biot_provider.config import Settings
from biot_provider.lifecycle.connection import Connection
from biot_provider.provider.plugin import PluginProvider

from ..uncoded import uncoded


def check(given: dict[str, Any], olds: dict[str, Any] | None = None) -> list[str]:
    """What the provider's check says of these arguments, `name` being given unless a test does."""
    provider = PluginProvider()
    provider.connect(Connection(Settings("embedded")))
    result = provider.check(olds or {}, {"name": "guard", **given})
    assert all(failure.property == "" for failure in result.failures), "the engine would print the property's value"
    return [uncoded(failure.reason) for failure in result.failures]
