"""The dynamic provider of ``biot.NotificationSubscription``."""

from biot_provider.provider.dynamic import DynamicProvider


class NotificationSubscriptionProvider(DynamicProvider):
    """Pulumi's provider of ``biot.NotificationSubscription``.

    State refers to it by this module and name: they must not change.
    """

    kind_path = "biot_provider.subscription.kind:NotificationKind"
