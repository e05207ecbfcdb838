"""Read plugins and the public key from the platform while the program runs."""

import pulumi

import biot_provider as biot

disabled = biot.list_plugins(filters={"enabledState": {"eq": "DISABLED"}})
pulumi.export("disabled", [plugin.name for plugin in disabled])

for plugin in biot.list_plugins(free_text="vitals"):
    pulumi.export(f"runtime of {plugin.name}", biot.get_plugin(plugin.name).runtime)

pulumi.export("publicKey", biot.get_public_key().public_key)
