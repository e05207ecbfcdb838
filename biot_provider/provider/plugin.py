"""The dynamic provider of ``biot.Plugin``."""

from biot_provider.provider.dynamic import DynamicProvider


class PluginProvider(DynamicProvider):
    """Pulumi's provider of ``biot.Plugin``. State refers to it by this module and name: they must not change."""

    kind_path = "biot_provider.plugin.kind:PluginKind"
