"""One program, two platforms: one plugin on the stack's platform, and one on another."""

import pulumi

import biot_provider as biot

config = pulumi.Config()
eu = biot.Provider(
    "eu",
    base_url=config.get("euBaseUrl") or "https://api.eu.acme.biot-med.com",
    service_id=config.require("euServiceId"),
    service_secret_key=config.require_secret("euServiceSecretKey"),
)
biot.Plugin("hello", code="plugins/hello")  # made by `biot-provider new`
biot.Plugin("hello-eu", name="hello", code="plugins/hello", opts=pulumi.ResourceOptions(provider=eu))
