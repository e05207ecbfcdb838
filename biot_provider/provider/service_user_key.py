"""The dynamic provider of ``biot.ServiceUserKey``."""

from biot_provider.provider.dynamic import DynamicProvider


class ServiceUserKeyProvider(DynamicProvider):
    """Pulumi's provider of ``biot.ServiceUserKey``.

    State refers to it by this module and name: they must not change.
    """

    kind_path = "biot_provider.service_user.key_kind:ServiceUserKeyKind"
