"""The dynamic provider of ``biot.InterceptionSubscription``."""

from biot_provider.provider.dynamic import DynamicProvider


class InterceptionSubscriptionProvider(DynamicProvider):
    """Pulumi's provider of ``biot.InterceptionSubscription``.

    State refers to it by this module and name: they must not change.
    """

    kind_path = "biot_provider.subscription.kind:InterceptionKind"
