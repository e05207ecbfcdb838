"""What the steps of a sequence choose from: by number, so that a step stays short and can be written down."""

from __future__ import annotations

from typing import Any

SECRET = "secret-"
"""What every value of a variable begins with: it may stand in no message."""
STACKS = ("dev", "staging", "dev")
"""Of three backends; the first and the last have a project and stack of the same name."""
SLOTS = (("a", ""), ("b", ""), ("a", "shop:Till"), ("a", "shop:Shelf"))
"""Resource names and the types of their parents."""
FIELDS: dict[str, tuple[Any, ...]] = {
    "timeout": (None, 10, 20),
    "display_name": (None, "One"),
    "environment_variables": (None, {"MODE": SECRET + "1"}, {"MODE": SECRET + "2", "MORE": SECRET + "3"}),
    "cron_schedule": (None, "0 8 ? * MON *"),
    "enabled_state": (None, "DISABLED"),
    "cors": (None, {"allow_methods": ["GET"]}),
    "subscriptions": (None, {"interceptions": [{"type": "PRE_REQUEST", "api_id": "POST/device/v2/devices"}]}),
    "adopt": (None, True),
    "name": (None, "x"),
    "version": (None, 3, 5),
}
VARIANTS = (
    {"names": "prefixed"}, {"absent": "omitted"}, {"orders": "shifted"}, {"orders": "filled"},
    {"entity_names": "filled"}, {"lists": "reversed"}, {"system_variables": "hidden"},
    {"partial_subscriptions": "refused"},
)  # fmt: skip
SHOWN = (
    "name", "version", "timeout", "enabledState", "cronSchedule", "deploymentPackageType",
    "endpointUrl", "environmentVariables", "environmentVariables.MODE", "environmentVariables.PULUMI_BIOT_STAMP",
    "subscriptions", "subscriptions.interceptions", "subscriptions.interceptions[0]",
    "subscriptions.interceptions[0].type", "subscriptions.interceptionOrder", "cors", "cors.allowMethods",
    "cors.allowMethods[0]", "unheardOf",
)  # fmt: skip
INSTEAD: tuple[Any, ...] = (
    None,
    "UNHEARD_OF",
    "",
    "7",
    7,
    -0.5,
    True,
    [],
    {},
    ["UNHEARD_OF", None],
    {"unheardOf": [7]},
)
"""What the platform may show in such a place."""
CODES = (None, "one", "two")
TAGS = (None, "tag-1", "tag-2")
