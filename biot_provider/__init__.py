"""BioT plugins as Pulumi resources.

``import biot_provider as biot``, then ``biot.Plugin(...)`` for one plugin, or ``biot.declare_plugins("plugins")``
for all that a folder describes.
"""

from importlib import import_module
from typing import TYPE_CHECKING

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
    "connection": ("Provider",),
    "declare_plugins": ("declare_plugins",),
    "functions": ("get_plugin", "get_public_key", "list_plugins"),
    "resources.image": ("PluginImage",),
    "resources.plugin": tuple(name for name in __all__ if name == "Plugin" or name.endswith(("Args", "ArgsDict"))),
    "resources.plugin_info": ("PluginInfo",),
    "resources.service_user": ("ServiceUser", "ServiceUserKey"),
    "resources.subscription": ("InterceptionSubscription", "NotificationSubscription"),
}
_PLACES = {name: f"biot_provider.program.{module}" for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is used: the command line and the provider's processes need few of them."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_PLACES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
