"""An endpoint in your own account that is called before a patient is created."""

import pulumi

import biot_provider as biot

biot.InterceptionSubscription(
    "check-patient",
    type="PRE_REQUEST",
    api_id="POST/organization/v1/users/patients",
    entity_name="patient",
    endpoint=pulumi.Config().get("endpoint") or "https://hooks.acme.com/biot",
    execution_order=20,
)
