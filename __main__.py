"""The stack's program: declares the plugins of plugins/*/plugin.yaml and one by hand, and exports their outputs."""

import pulumi

import biot_provider as biot

config = pulumi.Config()
opts = pulumi.ResourceOptions(protect=config.get_bool("protect"))

# Values that differ in this stack are in stacks/Pulumi.<stack>.yaml, under biot-plugins:plugins.
plugins = biot.declare_plugins("plugins", opts=opts)

# A container image, for code that does not fit into a .zip: a base image with the code as one layer, without Docker.
rhythm_image = biot.PluginImage(
    "rhythm-check",
    code="plugins/rhythm-check",
    base_image=config.get("baseImage") or "public.ecr.aws/lambda/python:3.13",
    handler="index.handler",
)
plugins["rhythm-check"] = biot.Plugin(
    "rhythm-check",
    image_tag=rhythm_image.image_tag,
    display_name="Rhythm Check",
    timeout=10,
    memory_size=256,
    environment_variables={"IRREGULAR_FROM": "0.1", "FEWEST_BEATS": "30"},
    subscriptions=biot.SubscriptionsArgs(
        notifications=[biot.NotificationArgs(entity_type_name="usage-session", action_name="_update")]
    ),
    opts=opts,
)

for name, plugin in plugins.items():
    pulumi.export(
        name,
        {
            "version": plugin.version,
            "deployment_package_type": plugin.deployment_package_type,
            "enabled_state": plugin.enabled_state,
            "endpoint_url": plugin.endpoint_url,
            "link_to_console": plugin.link_to_console,
        },
    )
