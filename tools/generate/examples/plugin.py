"""A plugin that checks requests before the platform carries them out."""

import pulumi

import biot_provider as biot

change_of_patient = "PATCH/organization/v1/users/patients/{id}"
guard = biot.Plugin(
    "vitals-guard",
    code="plugins/vitals-guard",  # made by `biot-provider new`
    runtime="python3.13",
    timeout=5,
    environment_variables={"RANGE_HEART_RATE": "20..250"},
    subscriptions=biot.SubscriptionsArgs(
        interception_order=10,
        interceptions=[biot.InterceptionArgs(type="PRE_REQUEST", api_id=change_of_patient)],
    ),
)
pulumi.export("endpoint", guard.endpoint_url)
