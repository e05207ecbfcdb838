"""The dynamic provider of ``biot.PluginImage``."""

from biot_provider.provider.dynamic import DynamicProvider


class PluginImageProvider(DynamicProvider):
    """Pulumi's provider of ``biot.PluginImage``. State refers to it by this module and name: they must not change."""

    kind_path = "biot_provider.image.kind:PluginImageKind"
