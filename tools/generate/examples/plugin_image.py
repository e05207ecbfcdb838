"""A folder of code on a base image, and a plugin that runs the image."""

import pulumi

import biot_provider as biot

image = biot.PluginImage(
    "rhythm-check",
    code="plugins/rhythm-check",  # made by `biot-provider new`
    base_image=pulumi.Config().get("baseImage") or "public.ecr.aws/lambda/python:3.13",
    handler="index.handler",
)
biot.Plugin("rhythm-check", image_tag=image.image_tag)
pulumi.export("tag", image.image_tag)
