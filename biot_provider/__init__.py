"""BioT plugins as Pulumi resources.

``import biot_provider as biot``, then ``biot.Plugin(...)`` for one plugin, or ``biot.declare_plugins("plugins")``
for all that a folder describes.
"""

from biot_provider._version import __version__
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
