"""The stack's program: declare what plugins/*/plugin.yaml describes, export where each plugin is called."""

import pulumi

import biot_provider as biot

# What differs in this stack stands in stacks/Pulumi.<stack>.yaml, under my-project:plugins.
protect = pulumi.Config().get_bool("protect")
plugins = biot.declare_plugins("plugins", opts=pulumi.ResourceOptions(protect=protect))

pulumi.export("endpoints", {name: plugin.endpoint_url for name, plugin in plugins.items()})
