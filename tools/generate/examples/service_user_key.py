"""A key that changes with its keepers: edit the month, run `pulumi up`, and a new key replaces the old one."""

import pulumi

import biot_provider as biot

user = biot.ServiceUser("report-writer", role_id=pulumi.Config().require("roleId"), type="EXTERNAL_SERVICE")
key = biot.ServiceUserKey("report-writer-key", service_user_id=user.id, keepers={"rotated": "2026-11"})
pulumi.export("key", key.secret_key)  # Pulumi shows it as [secret]
