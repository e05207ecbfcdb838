"""An endpoint in your own account that is notified of each new patient."""

import pulumi

import biot_provider as biot

biot.NotificationSubscription(
    "patient-created",
    entity_type_name="patient",
    action_name="_create",
    endpoint=pulumi.Config().get("endpoint") or "https://hooks.acme.com/biot",
)
