"""BioT plugins as Pulumi resources.

``import biot_provider as biot``, then ``biot.Plugin(...)`` for one plugin, or ``biot.declare_plugins("plugins")``
for all that a folder describes.
"""

from biot_provider._version import __version__
from biot_provider.fleet import declare_plugins
from biot_provider.provider.connection import Provider
from biot_provider.provider.functions import PluginInfo, get_plugin, get_public_key, list_plugins
from biot_provider.provider.plugin_resource import (
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

__all__ = [
    "CorsArgs",
    "CorsArgsDict",
    "InterceptionArgs",
    "InterceptionArgsDict",
    "NotificationArgs",
    "NotificationArgsDict",
    "Plugin",
    "PluginInfo",
    "Provider",
    "SubscriptionsArgs",
    "SubscriptionsArgsDict",
    "__version__",
    "declare_plugins",
    "get_plugin",
    "get_public_key",
    "list_plugins",
]
