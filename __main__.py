"""The stack's program: declare what plugins/*/plugin.yaml describes, export where each plugin is."""

import pulumi

import biot_provider as biot

plugins = biot.declare_plugins("plugins")

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
