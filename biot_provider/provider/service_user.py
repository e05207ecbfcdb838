"""The dynamic provider of ``biot.ServiceUser``."""

from biot_provider.provider.dynamic import DynamicProvider


class ServiceUserProvider(DynamicProvider):
    """Pulumi's provider of ``biot.ServiceUser``. State refers to it by this module and name: they must not change."""

    kind_path = "biot_provider.service_user.kind:ServiceUserKind"
