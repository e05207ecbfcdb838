"""The stack's program: declare what plugins/*/plugin.yaml describes, export what came of it."""

import pulumi

import biot_provider as biot

config = pulumi.Config()

plugins = biot.declare_plugins(
    "plugins",  # what differs in this stack stands in stacks/Pulumi.<stack>.yaml, under biot-plugins:plugins
    opts=pulumi.ResourceOptions(protect=config.get_bool("protect")),
)

for name, plugin in plugins.items():
    pulumi.export(
        name,
        {
            "version": plugin.version,
            "runtime": plugin.runtime,
            "enabled_state": plugin.enabled_state,
            "endpoint_url": plugin.endpoint_url,
            "link_to_console": plugin.link_to_console,
        },
    )
