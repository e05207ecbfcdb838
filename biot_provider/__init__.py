"""BioT plugins as Pulumi resources.

``import biot_provider as biot``, then ``biot.Plugin(...)`` for one plugin, or ``biot.declare_plugins("plugins")``
for all that a folder describes.
"""

import importlib
from typing import TYPE_CHECKING, Any

from biot_provider._version import __version__

if TYPE_CHECKING:
    from biot_provider.program.connection import Provider
    from biot_provider.program.declare_plugins import declare_plugins
    from biot_provider.program.functions import get_plugin, get_public_key, list_plugins
    from biot_provider.program.resources.image import PluginImage
    from biot_provider.program.resources.plugin import (
        BuildArgs,
        BuildArgsDict,
        CorsArgs,
        CorsArgsDict,
        InterceptionArgs,
        InterceptionArgsDict,
        NotificationArgs,
        NotificationArgsDict,
        Plugin,
        SubscriptionsArgs,
        SubscriptionsArgsDict,
    )
    from biot_provider.program.resources.plugin_info import PluginInfo
    from biot_provider.program.resources.service_user import ServiceUser, ServiceUserKey
    from biot_provider.program.resources.subscription import InterceptionSubscription, NotificationSubscription

__all__ = [
    "BuildArgs",
    "BuildArgsDict",
    "CorsArgs",
    "CorsArgsDict",
    "InterceptionArgs",
    "InterceptionArgsDict",
    "InterceptionSubscription",
    "NotificationArgs",
    "NotificationArgsDict",
    "NotificationSubscription",
    "Plugin",
    "PluginImage",
    "PluginInfo",
    "Provider",
    "ServiceUser",
    "ServiceUserKey",
    "SubscriptionsArgs",
    "SubscriptionsArgsDict",
    "__version__",
    "declare_plugins",
    "get_plugin",
    "get_public_key",
    "list_plugins",
]

_MODULES = {
    "InterceptionSubscription": "resources.subscription",
    "NotificationSubscription": "resources.subscription",
    "PluginImage": "resources.image",
    "PluginInfo": "resources.plugin_info",
    "Provider": "connection",
    "ServiceUser": "resources.service_user",
    "ServiceUserKey": "resources.service_user",
    "declare_plugins": "declare_plugins",
    "get_plugin": "functions",
    "get_public_key": "functions",
    "list_plugins": "functions",
}
"""The modules of the names below ``program/``; other names are in the module of the class ``Plugin``."""


def __getattr__(name: str) -> Any:
    """Import a name on first use: the provider's process uses none of them, and a program only a few."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.program.{_MODULES.get(name, 'resources.plugin')}")
    globals()[name] = found = getattr(module, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
