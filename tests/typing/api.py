"""Every way a program may write a plugin, as the type checker must take it. Checked by mypy, never run."""

from __future__ import annotations

from pathlib import Path

import pulumi

import biot_provider as biot

name: pulumi.Output[str] = pulumi.Output.from_input("guard")
number: pulumi.Output[int] = pulumi.Output.from_input(30)
flag: pulumi.Output[bool] = pulumi.Output.from_input(True)
secret: pulumi.Output[str] = pulumi.Config().require_secret("token")
variables: pulumi.Output[dict[str, str]] = pulumi.Output.from_input({"MODE": "strict"})

least = biot.Plugin("guard")

plain = biot.Plugin(
    "guard",
    name="guard",
    display_name="Guard",
    version=3,
    code="plugins/guard",
    build="auto",
    runtime="python3.13",
    handler="index.handler",
    timeout=30,
    memory_size=256,
    ephemeral_storage=1024,
    environment_variables={"MODE": "strict", "TOKEN": secret},
    subscriptions={
        "interception_order": 2,
        "interceptions": [
            {"type": "PRE_REQUEST", "api_id": "POST/organization/v1/users/patients", "order": 5},
            {"type": "ADAPT_ENTITY", "entity_type_name": "device"},
        ],
        "notifications": [{"entity_type_name": "patient", "action_name": "_create", "template_name": "nurse"}],
    },
    enabled_state="DISABLED",
    cron_schedule="0 8 ? * MON-FRI *",
    analytics_db_access=True,
    cors={"allow_origins": ["*"], "allow_methods": ["GET"], "allow_headers": [], "expose_headers": []},
    adopt=True,
    opts=pulumi.ResourceOptions(protect=True),
)

classes = biot.Plugin(
    "guard",
    code=Path("plugins/guard"),
    build=biot.BuildArgs(dependencies="requirements.txt", command=name, output="dist", inputs=["src/**"]),
    subscriptions=biot.SubscriptionsArgs(
        interception_order=2,
        interceptions=[
            biot.InterceptionArgs(type="PRE_REQUEST", api_id="POST/organization/v1/users/patients", order=5),
            biot.InterceptionArgs(type="ADAPT_ENTITY", entity_type_name="device"),
        ],
        notifications=[biot.NotificationArgs(entity_type_name="patient", action_name="_create")],
    ),
    cors=biot.CorsArgs(allow_origins=["*"], allow_methods=["GET"]),
)

outputs = biot.Plugin(
    "guard",
    name=name,
    display_name=name,
    version=number,
    code=name.apply(lambda text: f"plugins/{text}"),
    image_tag=name,
    runtime=name,
    handler=name,
    timeout=number,
    memory_size=number,
    ephemeral_storage=number,
    environment_variables=variables,
    subscriptions=biot.SubscriptionsArgs(
        interception_order=number,
        interceptions=[biot.InterceptionArgs(type=name, api_id=name, entity_type_name=name, order=number)],
        notifications=[biot.NotificationArgs(entity_type_name=name, action_name=name, template_name=name)],
    ),
    enabled_state=name,
    cron_schedule=name,
    analytics_db_access=flag,
    cors=biot.CorsArgs(allow_origins=[name], allow_methods=[name], allow_headers=[name], expose_headers=[name]),
    adopt=flag,
)

mixed = biot.Plugin(
    "guard",
    code=pulumi.FileArchive("plugins/guard"),
    build={"command": "npm run build", "output": "dist", "inputs": ["src/**", name]},
    subscriptions={
        "interceptions": [biot.InterceptionArgs(type="ADAPT_ENTITY", entity_type_name=name), {"type": name}],
        "notifications": [biot.NotificationArgs(entity_type_name="patient", action_name="_create")],
    },
    cors={"allow_origins": [name, "*"]},
)

alone: biot.InterceptionArgsDict = {"type": "ADAPT_ENTITY", "entity_type_name": "device"}
told: biot.NotificationArgsDict = {"entity_type_name": "patient", "action_name": "_create"}
both: biot.SubscriptionsArgsDict = {"interceptions": [alone], "notifications": [told]}
origins: biot.CorsArgsDict = {"allow_origins": ["*"]}
kept = biot.Plugin("guard", subscriptions=both, cors=origins)

text: pulumi.Output[str] = kept.endpoint_url
version: pulumi.Output[int] = kept.version
digest: pulumi.Output[str | None] = kept.code_digest
pulumi.export("url", pulumi.Output.format("{0}?v={1}", kept.endpoint_url, kept.version))

fleet: dict[str, biot.Plugin] = biot.declare_plugins()
fleet = biot.declare_plugins(Path("plugins"), {"guard": {"memorySize": 512}}, pulumi.ResourceOptions(protect=True))

user = biot.ServiceUser(
    "ci", role_id=name, type="EXTERNAL_SERVICE", active=flag, secret_key_expiration_in_minutes=number
)
key = biot.ServiceUserKey("key", service_user_id=user.id, keepers={"month": 1, "by": name})
before = biot.InterceptionSubscription(
    "before", type="PRE_REQUEST", api_id="POST/x/{id}", endpoint=name, path_filters={"id": name}, execution_order=5
)
after = biot.NotificationSubscription("after", entity_type_name="patient", action_name="_create", endpoint=text)
key_text: pulumi.Output[str | None] = key.secret_key
user = biot.ServiceUser.get("found", name)
before = biot.InterceptionSubscription.get("found", "ADAPT_ENTITY device https://hooks.example.com")

biot.ServiceUser("ci", type="EXTERNAL_SERVICE")  # type: ignore[call-arg]
biot.NotificationSubscription("told", entity_type_name="patient", action_name=5, endpoint=name)  # type: ignore[arg-type]
biot.Plugin("guard", timout=3)  # type: ignore[call-arg]
biot.Plugin("guard", timeout="soon")  # type: ignore[arg-type]
biot.Plugin("guard", environment_variables={"MODE": 5})  # type: ignore[dict-item]
biot.Plugin("guard", cors={"allow_origin": ["*"]})  # type: ignore[arg-type]
biot.InterceptionArgs(api_id="POST/x")  # type: ignore[call-arg]
