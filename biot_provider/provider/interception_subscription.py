"""The dynamic provider of ``biot.InterceptionSubscription``."""

from biot_provider.provider.dynamic import DynamicProvider
from biot_provider.subscription.kind import InterceptionKind


class InterceptionSubscriptionProvider(DynamicProvider):
    """Pulumi's provider of ``biot.InterceptionSubscription``.

    State refers to it by this module and name: they must not change.
    """

    kind_type = InterceptionKind
