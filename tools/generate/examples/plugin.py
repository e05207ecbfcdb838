"""A plugin that checks requests before the platform carries them out."""

import pulumi

import biot_provider as biot

guard = biot.Plugin(
    "vitals-guard",
    code="plugins/vitals-guard",  # written by: biot-provider new vitals-guard --runtime python3.13
    runtime="python3.13",
    timeout=5,
    environment_variables={"RANGE_HEART_RATE": "20..250"},
    subscriptions=biot.SubscriptionsArgs(
        interception_order=10,
        interceptions=[biot.InterceptionArgs(type="PRE_REQUEST", api_id="PATCH/organization/v1/users/patients/{id}")],
    ),
)
pulumi.export("endpoint", guard.endpoint_url)
