"""A service user, and its first key, which other resources of the program can use."""

import pulumi

import biot_provider as biot

user = biot.ServiceUser(
    "order-sync",
    role_id=pulumi.Config().require("roleId"),  # id of a role that is made in the Console
    type="EXTERNAL_SERVICE",
    secret_key_expiration_in_minutes=90 * 24 * 60,
)
pulumi.export("id", user.id)
pulumi.export("key", user.secret_key)  # Pulumi shows it as [secret]
